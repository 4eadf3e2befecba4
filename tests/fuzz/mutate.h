/*
 * mutate.h: changes that know what DHCP is, for the fuzz targets' own mutators. Blind bytes rarely
 * make a packet that is still read to its end; these do, and also cut it short, let lengths lie,
 * and join and split options. All take a source of random numbers, so that a seed repeats a run.
 */
#ifndef MUSTER_TESTS_FUZZ_MUTATE_H
#define MUSTER_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

#define MUTATE_CLIENTS 4 /* their MAC addresses are 52:54:00:00:00:01 and so on */

/* libFuzzer's own: blind changes of bytes. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* A number below n, which is not 0. */
uint32_t mutate_below(uint32_t *rng, uint32_t n);

/* An address that means something in the targets' network, or nothing anywhere. */
uint32_t mutate_addr(uint32_t *rng);

/* Change option bytes: an area as it stands in a packet. Returns the new length, at most max. */
size_t mutate_options(uint8_t *b, size_t len, size_t max, uint32_t *rng);

/* Change a packet, header or options. Shorter ones than a header and cookie are made whole. */
size_t mutate_packet(uint8_t *b, size_t len, size_t max, uint32_t *rng);

/* Give a whole packet another client, and make it another message of the same exchange. */
void mutate_client(uint8_t *b, uint32_t *rng);
size_t mutate_message(uint8_t *b, size_t len, size_t max, uint32_t *rng);

/* Plug its client in elsewhere: giaddr and what the relay says of the port change together. */
size_t mutate_place(uint8_t *b, size_t len, size_t max, uint32_t *rng);

#endif
