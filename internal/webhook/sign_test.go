package webhook

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The example of the Standard Webhooks specification.
func TestSignatureOfTheSpecification(t *testing.T) {
	h, err := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"svix-", "webhook-"} {
		if h.Get(prefix+"signature") != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" || h.Get(prefix+"id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" ||
			h.Get(prefix+"timestamp") != "1614265330" {
			t.Errorf("headers %v", h)
		}
	}
}

func TestBothSecretsVerifyAndNothingElse(t *testing.T) {
	old, fresh, other := NewSecret(), NewSecret(), NewSecret()
	body := []byte(`{"event":"bot.completed"}`)
	h, err := Sign(NewMessageID(), time.Now(), body, fresh, old)
	if err != nil {
		t.Fatal(err)
	}
	svixOnly := http.Header{}
	for _, k := range []string{"svix-id", "svix-timestamp", "svix-signature"} {
		svixOnly.Set(k, h.Get(k))
	}
	for _, headers := range []http.Header{h, svixOnly} {
		for secret, want := range map[string]bool{old: true, fresh: true, other: false, "whsec_???": false} {
			if err := Verify(secret, headers, body); (err == nil) != want {
				t.Errorf("verify: %v, want %v", err, want)
			}
		}
	}
	if Verify(fresh, h, append(body, ' ')) == nil || Verify(fresh, http.Header{}, body) == nil {
		t.Error("verified another body, or no headers")
	}
	late, err := Sign("msg_1", time.Now().Add(-6*time.Minute), body, fresh)
	if err != nil || Verify(fresh, late, body) == nil {
		t.Errorf("verified a message that is six minutes old (%v)", err)
	}
}

func TestSecretsAreLongAndRecognisable(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(a, SecretPrefix))
	if a == b || err != nil || len(key) != 32 || !strings.HasPrefix(a, "whsec_") {
		t.Errorf("secret of %d bytes, %v", len(key), err)
	}
	if id := NewMessageID(); !strings.HasPrefix(id, "msg_") || strings.Contains(id, ".") || id == NewMessageID() {
		t.Errorf("message id %s", id)
	}
}

func TestMessageIDsSortByTime(t *testing.T) {
	before := time.Now()
	id := NewMessageID()
	if after := time.Now().Add(2 * time.Millisecond); FirstMessageID(before) > id || FirstMessageID(after) < id {
		t.Errorf("%s is not between %s and %s", id, FirstMessageID(before), FirstMessageID(after))
	}
}

func TestErrorsDoNotRepeatTheSecret(t *testing.T) {
	_, err := Sign("msg_1", time.Now(), nil, "whsec_canary!")
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	if err := Verify("whsec_canary!", http.Header{}, nil); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

func TestPayloadsHaveTheEnvelopeOfTheContract(t *testing.T) {
	data := map[string]string{"title": "<b> & 💡"}
	for _, c := range []struct {
		extra string
		want  string
	}{
		{"", `{"event":"bot.failed","data":{"title":"<b> & 💡"},"extra":null}`},
		{`{"k":[1,2]}`, `{"event":"bot.failed","data":{"title":"<b> & 💡"},"extra":{"k":[1,2]}}`},
	} {
		got, err := Marshal(BotFailed, data, json.RawMessage(c.extra))
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %v", got, err)
		}
	}
	if got, err := MarshalPlain(EventsSynced, data); err != nil || string(got) != `{"event":"calendar.events_synced","data":{"title":"<b> & 💡"}}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := Marshal(BotFailed, data, json.RawMessage("{")); err == nil {
		t.Error("broken extra was accepted")
	}
}
