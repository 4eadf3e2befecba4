/*
 * tftp.h: what in.tftpd tells us. It logs that a read was requested, never whether it succeeded.
 */
#ifndef MUSTER_SERVER_TFTP_H
#define MUSTER_SERVER_TFTP_H

#include "server/msg.h"

/*
 * One syslog line of in.tftpd -> *out. Returns 0; -ENOENT when the line is about something else;
 * -EBADMSG when it is about a read but its address or file is not usable. Pure.
 */
int tftp_log_parse(const char *line, struct tftp_read *out);

#endif
