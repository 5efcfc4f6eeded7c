// An MQTT client on Debian's node-mqtt, which Node-RED uses, too: HOST PORT CA CERT
// KEY TOPIC. It says something to itself by way of the broker, and ends when it has
// heard it.
const fs = require('fs')
const mqtt = require('mqtt')

const [host, port, ca, cert, key, topic] = process.argv.slice(2)
const client = mqtt.connect(`mqtts://${host}:${port}`, {
  ca: fs.readFileSync(ca),
  cert: cert ? fs.readFileSync(cert) : undefined,
  key: key ? fs.readFileSync(key) : undefined,
  reconnectPeriod: 0
})
const fail = (why) => { console.error(String(why)); process.exit(1) }
client.on('error', fail)
client.on('close', () => fail('the broker hung up'))
client.on('connect', () => client.subscribe(topic, { qos: 1 }, (err) => err ? fail(err) : client.publish(topic, 'node', { qos: 1 })))
client.on('message', (_, text) => { console.log('heard ' + text); process.exit(0) })
