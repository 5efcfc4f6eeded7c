// The floor: what a packet costs in and out of a program that does nothing with
// it. It turns each datagram into a reply by setting the bit QR and sends it
// back. Usage: echo PORT; it listens on 127.0.0.1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 32, SIZE = 1232 };

int main(int argc, char **argv) {
	static unsigned char packet[BATCH][SIZE];
	struct sockaddr_in from[BATCH], self = {.sin_family = AF_INET};
	struct iovec vector[BATCH];
	struct mmsghdr message[BATCH] = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	self.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self) < 0) {
		perror("echo");
		return 1;
	}
	for (int i = 0; i < BATCH; i++) {
		message[i].msg_hdr.msg_iov = &vector[i];
		message[i].msg_hdr.msg_iovlen = 1;
		message[i].msg_hdr.msg_name = &from[i];
	}
	for (;;) {
		for (int i = 0; i < BATCH; i++) {
			vector[i] = (struct iovec){packet[i], SIZE};
			message[i].msg_hdr.msg_namelen = sizeof from[i];
		}
		int n = recvmmsg(fd, message, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++) {
			vector[i].iov_len = message[i].msg_len;
			packet[i][2] |= 0x80;
		}
		for (int sent = 0; sent < n;) {
			int k = sendmmsg(fd, message + sent, n - sent, 0);
			sent += k > 0 ? k : 1; // one that cannot be sent is left out
		}
	}
}
