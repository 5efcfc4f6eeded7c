# An MQTT client on Debian's python3-paho-mqtt: HOST PORT CA CERT KEY TOPIC. It says
# something to itself by way of the broker, and ends when it has heard it.
import ssl
import sys

import paho.mqtt.client as mqtt

host, port, ca, cert, key, topic = sys.argv[1:]


def connected(client, data, flags, code, *rest):
    if code != 0:
        sys.exit(f"the broker says {code}")
    client.subscribe(topic, qos=1)


def heard(client, data, message):
    print("heard", message.payload.decode(), flush=True)
    sys.exit(0)


args = [mqtt.CallbackAPIVersion.VERSION1] if hasattr(mqtt, "CallbackAPIVersion") else []
client = mqtt.Client(*args)
client.on_connect = connected
client.on_subscribe = lambda c, *rest: c.publish(topic, "paho", qos=1)
client.on_message = heard
client.tls_set(ca_certs=ca, certfile=cert or None, keyfile=key or None, cert_reqs=ssl.CERT_REQUIRED)
client.connect(host, int(port))
sys.exit(client.loop_forever(retry_first_connection=False))
