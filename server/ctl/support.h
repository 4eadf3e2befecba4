/*
 * support.h: a text without what may be a secret. Pure.
 */
#ifndef MUSTER_SERVER_CTL_SUPPORT_H
#define MUSTER_SERVER_CTL_SUPPORT_H

/*
 * Blank out, in place: values behind a word that ends in secret, password, passwd, passphrase,
 * token, psk, pwd, api_key, api-key or apikey; the muster_... of tokens; base64 of 40 letters and
 * more behind "RW" (minisign's secret and public keys look the same); what follows "Bearer ", and
 * "Basic " where it authorizes; passwords in URLs; private keys in PEM. The text is to be all of
 * it: such a key has many lines.
 */
void support_clean(char *text);

#endif
