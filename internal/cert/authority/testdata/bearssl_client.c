/*
 * A TLS client made of BearSSL, the TLS stack of Tasmota, that says what it thinks
 * of a server. It speaks TLS 1.2 only, with the certificate checks of BearSSL's
 * "minimal" engine, as Tasmota does.
 *
 *	bearssl_client PORT NAME ROOT.DER [CERTIFICATE.DER KEY]
 *
 * PORT is one of 127.0.0.1; NAME is what the server's certificate must hold; KEY
 * is the private value of a P-256 key in 64 hexadecimal digits. It reads one byte
 * from the server and exits 0; or it prints BearSSL's error and exits 1.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearssl.h>

static unsigned char dn[1024];
static size_t dn_length;

static void append_dn(void *context, const void *data, size_t length)
{
	(void)context;
	if (length > sizeof dn - dn_length)
		exit(2);
	memcpy(dn + dn_length, data, length);
	dn_length += length;
}

static size_t read_file(const char *path, unsigned char *to, size_t room)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(to, 1, room, f) : 0;

	if (n == 0)
		exit(2);
	fclose(f);
	return n;
}

static int sock_read(void *context, unsigned char *to, size_t room)
{
	ssize_t n = read(*(int *)context, to, room);

	return n <= 0 ? -1 : (int)n;
}

static int sock_write(void *context, const unsigned char *from, size_t length)
{
	ssize_t n = write(*(int *)context, from, length);

	return n <= 0 ? -1 : (int)n;
}

static int dial(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		exit(2);
	return fd;
}

int main(int argc, char **argv)
{
	static unsigned char root[8192], own[8192], buffer[BR_SSL_BUFSIZE_BIDI];
	static br_ssl_client_context client;
	static br_x509_minimal_context minimal;
	static br_x509_decoder_context decoder;
	br_x509_trust_anchor anchor = { .flags = BR_X509_TA_CA };
	br_sslio_context io;
	br_x509_certificate chain;
	br_ec_private_key key;
	unsigned char secret[32], byte;
	size_t i;
	int fd;

	if (argc != 4 && argc != 6)
		return 2;
	br_x509_decoder_init(&decoder, append_dn, NULL);
	br_x509_decoder_push(&decoder, root, read_file(argv[3], root, sizeof root));
	if (br_x509_decoder_get_pkey(&decoder) == NULL || !br_x509_decoder_isCA(&decoder))
		return 2;
	anchor.dn.data = dn;
	anchor.dn.len = dn_length;
	anchor.pkey = *br_x509_decoder_get_pkey(&decoder);

	br_ssl_client_init_full(&client, &minimal, &anchor, 1);
	br_ssl_engine_set_buffer(&client.eng, buffer, sizeof buffer, 1);
	if (argc == 6) {
		chain.data = own;
		chain.data_len = read_file(argv[4], own, sizeof own);
		for (i = 0; i < sizeof secret; i++)
			if (sscanf(argv[5] + 2 * i, "%2hhx", &secret[i]) != 1)
				return 2;
		key.curve = BR_EC_secp256r1;
		key.x = secret;
		key.xlen = sizeof secret;
		br_ssl_client_set_single_ec(&client, &chain, 1, &key, BR_KEYTYPE_SIGN,
			0, br_ec_get_default(), br_ecdsa_sign_asn1_get_default());
	}
	br_ssl_client_reset(&client, argv[2], 0);
	fd = dial(argv[1]);
	br_sslio_init(&io, &client.eng, sock_read, &fd, sock_write, &fd);
	if (br_sslio_flush(&io) == 0 && br_sslio_read(&io, &byte, 1) == 1)
		return 0;
	printf("%d\n", br_ssl_engine_last_error(&client.eng));
	return 1;
}
