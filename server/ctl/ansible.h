/*
 * ansible.h: hosts as an inventory for Ansible: `ansible-inventory -i SCRIPT` where SCRIPT runs
 * `muster host list -o ansible`.
 */
#ifndef MUSTER_SERVER_CTL_ANSIBLE_H
#define MUSTER_SERVER_CTL_ANSIBLE_H

#include "server/ctl/hosts.h"

/* Groups by stage (stage_up), image (image_kvm) and label (rack_r3). Returns an exit code. */
int ansible_print(const struct hosts *h);

#endif
