package setup

// Clients with a window: Node-RED, MQTT.fx, MQTT Explorer.

import "github.com/edgeguard/edgeguard/internal/status/texts"

func nodeRED(b Broker, t *texts.Texts) Client {
	return Client{ID: "nodered", Title: t.Setup.NodeRED, Steps: []Step{
		{Text: t.Setup.NodeREDBroker, Fields: []Field{{"Server", b.Host}, {"Port", b.port()}, {"Use TLS", t.Setup.On}}},
		{Text: t.Setup.NodeREDTLS, Fields: []Field{
			{"CA Certificate", b.caField(t)}, {"Verify server certificate", t.Setup.On}, {"Server Name", b.Host},
		}},
		{Text: t.Setup.NodeREDCheck},
	}}
}

func mqttFX(b Broker, t *texts.Texts) Client {
	tab := []Field{{"Enable SSL/TLS", t.Setup.On}, {"Protocol", "TLSv1.2"}}
	switch b.Trust {
	case TrustOwn:
		tab = append(tab, Field{"CA certificate file", t.Setup.CAFile})
	case TrustPublic:
		tab = append(tab, Field{"CA signed server certificate", t.Setup.On})
	default:
		tab = append(tab, Field{"CA signed server certificate / CA certificate file", b.caField(t)})
	}
	return Client{ID: "mqttfx", Title: t.Setup.MQTTFX, Steps: []Step{
		{Text: t.Setup.MQTTFXTop, Fields: []Field{{"Broker Address", b.Host}, {"Broker Port", b.port()}}},
		{Text: t.Setup.MQTTFXTab, Fields: tab},
	}}
}

func mqttExplorer(b Broker, t *texts.Texts) Client {
	c := Client{ID: "mqttexplorer", Title: t.Setup.Explorer, Steps: []Step{{Text: t.Setup.ExplorerConnection, Fields: []Field{
		{"Protocol", "mqtt://"}, {"Host", b.Host}, {"Port", b.port()},
		{"Validate certificate", t.Setup.On}, {"Encryption (tls)", t.Setup.On},
	}}}}
	if b.Trust != TrustPublic {
		c.Steps = append(c.Steps, Step{Text: t.Setup.ExplorerAdvanced, Fields: []Field{{"SERVER CERTIFICATE (CA)", t.Setup.CAFile}}})
	}
	c.Steps = append(c.Steps, Step{Text: t.Setup.ExplorerCA})
	return c
}
