package setup

// Plugs and phones: Tasmota, and the app IoT OnOff.

import (
	"strings"

	"github.com/edgeguard/edgeguard/internal/status/texts"
)

func tasmota(b Broker, t *texts.Texts) Client {
	build := []string{"#define USE_MQTT_TLS", "#define MQTT_TLS_ENABLED true"}
	if b.Trust != TrustOwn {
		build = append(build, "#define USE_MQTT_TLS_CA_CERT")
	}
	c := Client{ID: "tasmota", Title: t.Setup.Tasmota, Steps: []Step{
		{Text: t.Setup.TasmotaBuild, Commands: build},
		{Text: t.Setup.TasmotaConsole, Commands: []string{"MqttHost " + b.Host, "MqttPort " + b.port(), "SetOption103 1"}},
	}}
	if b.Trust != TrustOwn {
		c.Steps = append(c.Steps, Step{Text: t.Setup.TasmotaChoice}, Step{Text: t.Setup.TasmotaCA, Commands: []string{"SetOption132 0"}}, Step{Text: t.Setup.TasmotaBuildCA})
	}
	if b.Fingerprint != "" {
		c.Steps = append(c.Steps, Step{Text: t.Setup.TasmotaPrint, Commands: []string{"SetOption132 1", "MqttFingerprint1 " + b.Fingerprint}})
	} else {
		c.Steps = append(c.Steps, Step{Text: t.Setup.TasmotaNoPrint, Commands: []string{"SetOption132 1", "MqttFingerprint1" + strings.Repeat(" 00", 20)}})
	}
	switch {
	case b.OldDevices == nil:
	case *b.OldDevices:
		c.Steps = append(c.Steps, Step{Text: t.Setup.TasmotaOld})
	default:
		c.Steps = append(c.Steps, Step{Text: texts.Fill(t.Setup.TasmotaOldNot, "why", b.OldDevicesWhy)})
	}
	return c
}

// onOff are the fields of the app IoT OnOff, which are the same on both kinds
// of phone.
func onOff(b Broker, t *texts.Texts) Step {
	return Step{Text: t.Setup.PhoneFields, Fields: []Field{{"Host", b.Host}, {"Port", b.port()}, {"SSL/TLS", t.Setup.On}, {"Username, Password", t.Setup.Login}}}
}

func iPhone(b Broker, t *texts.Texts) Client {
	c := Client{ID: "iphone", Title: t.Setup.IPhone}
	if b.Trust == TrustOwn {
		c.Steps = append(c.Steps, Step{Text: t.Setup.IPhoneCA}, Step{Text: t.Setup.IPhoneTrust})
	}
	c.Steps = append(c.Steps, onOff(b, t), Step{Text: t.Setup.PhoneNames})
	return c
}

func android(b Broker, t *texts.Texts) Client {
	c := Client{ID: "android", Title: t.Setup.Android}
	if b.Trust == TrustOwn {
		c.Steps = append(c.Steps, Step{Text: t.Setup.AndroidCA}, Step{Text: t.Setup.AndroidOwn})
	}
	c.Steps = append(c.Steps, onOff(b, t), Step{Text: t.Setup.PhonePrivateDNS})
	return c
}
