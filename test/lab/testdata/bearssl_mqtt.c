/*
 * An MQTT client on BearSSL, the TLS stack of Tasmota: TLS 1.2 with the checks of
 * BearSSL's "minimal" engine, and a call in MQTT 3.1.1 up to the broker's answer.
 *
 *	bearssl_mqtt ADDRESS PORT NAME ROOT.DER
 *
 * NAME is what the broker's certificate must hold. It prints the name of the kind
 * of key that the broker's certificate has and exits 0 when the broker answers that
 * it lets us in; else it prints BearSSL's error and exits 1.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bearssl.h>

static const unsigned char call[] = { 0x10, 0x10, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 4, 'b', 'e', 'a', 'r' };

static br_x500_name name;
static unsigned char name_bytes[1024];

static void append_name(void *context, const void *data, size_t length)
{
	const unsigned char *from = data;

	(void)context;
	while (length-- > 0 && name.len < sizeof name_bytes)
		name_bytes[name.len++] = *from++;
}

static int receive(void *context, unsigned char *to, size_t room)
{
	ssize_t n = read(*(int *)context, to, room);

	return n <= 0 ? -1 : (int)n;
}

static int transmit(void *context, const unsigned char *from, size_t length)
{
	ssize_t n = write(*(int *)context, from, length);

	return n <= 0 ? -1 : (int)n;
}

int main(int argc, char **argv)
{
	static unsigned char root[8192], buffer[BR_SSL_BUFSIZE_BIDI], answer[4];
	static br_ssl_client_context client;
	static br_x509_minimal_context minimal;
	static br_x509_decoder_context decoder;
	struct sockaddr_in to = { .sin_family = AF_INET };
	br_x509_trust_anchor anchor = { .flags = BR_X509_TA_CA };
	br_sslio_context io;
	const br_x509_pkey *key;
	FILE *file;
	int fd;

	if (argc != 5 || (file = fopen(argv[4], "rb")) == NULL)
		return 2;
	br_x509_decoder_init(&decoder, append_name, NULL);
	br_x509_decoder_push(&decoder, root, fread(root, 1, sizeof root, file));
	fclose(file);
	if (br_x509_decoder_get_pkey(&decoder) == NULL || !br_x509_decoder_isCA(&decoder))
		return 2;
	name.data = name_bytes;
	anchor.dn = name;
	anchor.pkey = *br_x509_decoder_get_pkey(&decoder);

	to.sin_port = htons(atoi(argv[2]));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		return 2;
	br_ssl_client_init_full(&client, &minimal, &anchor, 1);
	br_ssl_engine_set_buffer(&client.eng, buffer, sizeof buffer, 1);
	br_ssl_client_reset(&client, argv[3], 0);
	br_sslio_init(&io, &client.eng, receive, &fd, transmit, &fd);
	if (br_sslio_write_all(&io, call, sizeof call) != 0 || br_sslio_flush(&io) != 0 ||
	    br_sslio_read_all(&io, answer, sizeof answer) != 0) {
		printf("BearSSL's error %d\n", br_ssl_engine_last_error(&client.eng));
		return 1;
	}
	key = minimal.vtable->get_pkey(&minimal.vtable, NULL);
	printf("%s\n", key->key_type == BR_KEYTYPE_EC ? "EC" : "RSA");
	return answer[0] == 0x20 && answer[3] == 0 ? 0 : 1;
}
