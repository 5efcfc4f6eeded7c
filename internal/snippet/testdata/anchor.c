/* Judges the text tasmota-ca with BearSSL, the TLS stack in Tasmota: the chain of
 * the files that are named (DER, the leaf first) is verified for a name with the
 * authority of the two headers and nothing else, in the way that Tasmota sets the
 * validator up: RSA and SHA-256 alone.
 *
 *	anchor NAME FILE…
 */
#include <bearssl.h>
#include <stdio.h>

#define PROGMEM
#include "local_ca_data.h"

static const br_x509_trust_anchor anchors[] = {
#include "local_ca_descriptor.h"
};

int main(int argc, char **argv)
{
	br_x509_minimal_context x;
	const br_x509_class **v = &x.vtable;
	static unsigned char der[1 << 16];

	br_x509_minimal_init(&x, &br_sha256_vtable, anchors, 1);
	br_x509_minimal_set_rsa(&x, br_rsa_pkcs1_vrfy_get_default());
	br_x509_minimal_set_hash(&x, br_sha256_ID, &br_sha256_vtable);
	(*v)->start_chain(v, argv[1]);
	for (int i = 2; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		if (!f)
			return 2;
		size_t n = fread(der, 1, sizeof der, f);
		fclose(f);
		(*v)->start_cert(v, n);
		(*v)->append(v, der, n);
		(*v)->end_cert(v);
	}
	unsigned err = (*v)->end_chain(v);
	printf("%u\n", err);
	return err != 0;
}
