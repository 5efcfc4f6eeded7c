// A client that costs less than the servers it asks, so that at saturation a
// server's core is what is full. It asks the questions of a file in dnsperf's
// format in turn, from SOCKETS sockets, with WINDOW questions waiting in all,
// for SECONDS; then it waits for the last answers and prints what it counted.
// Usage: load PORT FILE SECONDS WINDOW; the server is on 127.0.0.1.
//
// What makes it cheap: questions are packed beforehand, a run of equally long
// ones crosses the kernel as one datagram that is cut up at the receiver's
// socket (UDP_SEGMENT, udp(7)), answers are taken many at a time, and it never
// sleeps, which also spares the server waking it up.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { SOCKETS = 8, HEADER = 12, LONGEST = HEADER + 255 + 4, SIZE = 1500, BATCH = 64, MOST = BATCH * SOCKETS, ROUND = 64 };

static const int64_t second = 1000000000, patience = second; // in ns

struct question { // as it is sent, but for the id
	uint16_t length;
	unsigned char packet[LONGEST];
};

struct slot { // one of the questions that a socket may have waiting
	const struct question *asked; // NULL: none
	uint16_t id;
	int64_t since;
};

struct place { // a socket and what it waits for
	int fd;
	uint16_t next; // the next id; its slot is id % slots
	unsigned waiting;
	struct slot slot[BATCH];
};

static struct question *questions;
static size_t count, at;   // of questions, and the next one
static struct place place[SOCKETS];
static unsigned slots;     // of each place, a power of two
static uint64_t sent, answered, lost, stray, rcodes[16];

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * second + t.tv_nsec;
}

static void fail(const char *why) {
	perror(why);
	exit(1);
}

// pack makes a question of a line "NAME TYPE" and reports whether it is one.
static int pack(struct question *q, char *line) {
	static const struct { const char *name; int number; } types[] = {{"A", 1}, {"AAAA", 28}, {"HTTPS", 65}, {"PTR", 12}, {"TXT", 16}};
	char *rest, *name = strtok_r(line, " \t\r\n", &rest), *type = strtok_r(NULL, " \t\r\n", &rest);
	size_t end = HEADER;
	int number = 0;

	for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
		if (!strcasecmp(type, types[i].name))
			number = types[i].number;
	if (!number)
		return 0;
	memset(q, 0, sizeof *q);
	q->packet[2] = 1; // RD
	q->packet[5] = 1; // one question
	for (char *label = strtok_r(name, ".", &rest); label; label = strtok_r(NULL, ".", &rest)) {
		size_t length = strlen(label);
		if (length > 63 || end + 1 + length + 1 > HEADER + 255)
			return 0;
		q->packet[end] = length;
		memcpy(q->packet + end + 1, label, length);
		end += 1 + length;
	}
	q->packet[end + 2] = number;
	q->packet[end + 4] = 1; // IN
	q->length = end + 5;
	return 1;
}

static void load(const char *path) {
	char line[1024];
	size_t room = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		fail(path);
	while (fgets(line, sizeof line, f)) {
		if (count == room) {
			room = room ? 2 * room : 1024;
			if (!(questions = realloc(questions, room * sizeof *questions)))
				fail(path);
		}
		if (!pack(&questions[count++], line)) {
			fprintf(stderr, "%s: line %zu is no question\n", path, count);
			exit(1);
		}
	}
	if (ferror(f) || !count) {
		fprintf(stderr, "%s has no questions\n", path);
		exit(1);
	}
	fclose(f);
}

static void open_all(int port) {
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
	int room = 1 << 20;

	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < SOCKETS; i++) {
		place[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (place[i].fd < 0 || connect(place[i].fd, (struct sockaddr *)&server, sizeof server) < 0)
			fail("socket");
		// Answers must not be lost here: that would be counted against the server.
		if (setsockopt(place[i].fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
			setsockopt(place[i].fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	}
}

// segments sends n octets as datagrams of length octets each. What the kernel
// does not take is left to be lost, and counted so.
static void segments(struct place *p, unsigned char *packets, size_t n, uint16_t length) {
	union { char room[CMSG_SPACE(sizeof(uint16_t))]; struct cmsghdr aligned; } control = {0};
	struct iovec vector = {packets, n};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	if (n > length) { // one alone needs no cutting
		message.msg_control = control.room;
		message.msg_controllen = sizeof control.room;
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof length);
		memcpy(CMSG_DATA(c), &length, sizeof length);
	}
	if (sendmsg(p->fd, &message, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != ENOBUFS && errno != EINTR)
		fail("sending");
}

// ask fills the free slots of a place.
static void ask(struct place *p, int64_t time) {
	static unsigned char packets[BATCH * LONGEST];
	size_t n = 0;
	uint16_t length = 0;

	while (p->waiting < slots) {
		struct slot *s = &p->slot[p->next % slots];
		uint16_t id = p->next++;
		if (s->asked)
			continue; // it is an old one's that still waits
		const struct question *q = &questions[at];
		at = at + 1 < count ? at + 1 : 0;
		if (n && q->length != length) {
			segments(p, packets, n, length);
			n = 0;
		}
		length = q->length;
		memcpy(packets + n, q->packet, length);
		packets[n] = id >> 8;
		packets[n + 1] = id;
		n += length;
		*s = (struct slot){q, id, time};
		p->waiting++;
		sent++;
	}
	if (n)
		segments(p, packets, n, length);
}

// take counts a datagram of n octets if it answers a question that waits. Only
// a server that could not read the question may leave it out.
static void take(struct place *p, const unsigned char *packet, size_t n) {
	uint16_t id = n < HEADER ? 0 : packet[0] << 8 | packet[1];
	struct slot *s = &p->slot[id % slots];
	const struct question *q = s->asked;
	int rcode = n < HEADER ? 0 : packet[3] & 15;

	if (n < HEADER || !q || s->id != id || !(packet[2] & 0x80) ||
	    (packet[4] || packet[5] ? packet[4] || packet[5] != 1 || n < q->length ||
	                                  memcmp(packet + HEADER, q->packet + HEADER, q->length - HEADER)
	                            : !rcode)) {
		stray++;
		return;
	}
	s->asked = NULL;
	p->waiting--;
	answered++;
	rcodes[rcode]++;
}

// receive takes the answers that are there and returns how many datagrams came.
static int receive(struct place *p) {
	static unsigned char packet[BATCH][SIZE];
	static struct iovec vector[BATCH];
	static struct mmsghdr message[BATCH];

	if (!vector[0].iov_len)
		for (int i = 0; i < BATCH; i++) {
			vector[i] = (struct iovec){packet[i], SIZE};
			message[i].msg_hdr = (struct msghdr){.msg_iov = &vector[i], .msg_iovlen = 1};
		}
	int n = recvmmsg(p->fd, message, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		take(p, packet[i], message[i].msg_len);
	return n < 0 ? 0 : n; // refused is a server that has gone: its questions time out
}

// give_up counts the questions that have waited too long as lost.
static void give_up(struct place *p, int64_t time) {
	for (unsigned i = 0; i < slots; i++)
		if (p->slot[i].asked && time - p->slot[i].since > patience) {
			p->slot[i].asked = NULL;
			p->waiting--;
			lost++;
		}
}

int main(int argc, char **argv) {
	double seconds = argc > 3 ? atof(argv[3]) : 0;
	slots = argc > 4 ? atoi(argv[4]) / SOCKETS : 0;
	if (argc != 5 || seconds <= 0 || seconds > 3600 || slots < 1 || slots > BATCH || slots & (slots - 1)) {
		fprintf(stderr, "usage: load PORT FILE SECONDS WINDOW, with a window of %d to %d, a power of two\n", SOCKETS, MOST);
		return 1;
	}
	load(argv[2]);
	open_all(atoi(argv[1]));
	int64_t began = now(), end = began + (int64_t)(seconds * second), last = began, looked = began;
	for (int busy = 1; busy;) {
		int64_t time = now();
		busy = 0;
		for (struct place *p = place; p < place + SOCKETS; p++) {
			if (receive(p))
				last = time;
			if (time < end)
				ask(p, time);
			busy |= time < end || p->waiting;
		}
		if (time - looked > patience / 8) {
			looked = time;
			for (int i = 0; i < SOCKETS; i++)
				give_up(&place[i], time);
		}
	}
	printf("sent %lu\nanswered %lu\nlost %lu\nstray %lu\nseconds %.6f\n", sent, answered, lost, stray, (double)(last - began) / second);
	for (int i = 0; i < 16; i++)
		if (rcodes[i])
			printf("rcode %d %lu\n", i, rcodes[i]);
	return 0;
}
