package seal

// The cells that hold secrets, in one place: a rewrap job walks this list, and
// writer and reader cannot disagree about a context.

// CallbackSecret is the cell of a bot's callback secret.
func CallbackSecret(team, bot string) Context {
	return Context{Team: team, Table: "bots", Row: bot, Column: "callback_secret"}
}

// WebhookSecret is the cell of an endpoint's present signing secret.
func WebhookSecret(team, endpoint string) Context {
	return Context{Team: team, Table: "webhook_endpoints", Row: endpoint, Column: "secret"}
}

// OldWebhookSecret is the cell of the secret that an endpoint had before the
// last rotation.
func OldWebhookSecret(team, endpoint string) Context {
	return Context{Team: team, Table: "webhook_endpoints", Row: endpoint, Column: "old_secret"}
}

// Webhooks seals and opens the secrets of webhook endpoints and callbacks; it
// is what the rooms see of a Sealer.
type Webhooks struct{ *Sealer }

// SealWebhookSecret seals an endpoint's present secret.
func (w Webhooks) SealWebhookSecret(team, endpoint, secret string) (string, error) {
	return w.Seal(WebhookSecret(team, endpoint), []byte(secret))
}

// SealOldWebhookSecret seals an endpoint's former secret.
func (w Webhooks) SealOldWebhookSecret(team, endpoint, secret string) (string, error) {
	return w.Seal(OldWebhookSecret(team, endpoint), []byte(secret))
}

// OpenWebhookSecret opens what SealWebhookSecret returned.
func (w Webhooks) OpenWebhookSecret(team, endpoint, sealed string) (string, error) {
	b, err := w.Open(WebhookSecret(team, endpoint), sealed)
	return string(b), err
}

// OpenOldWebhookSecret opens what SealOldWebhookSecret returned.
func (w Webhooks) OpenOldWebhookSecret(team, endpoint, sealed string) (string, error) {
	b, err := w.Open(OldWebhookSecret(team, endpoint), sealed)
	return string(b), err
}

// OpenCallbackSecret opens a bot's callback secret.
func (w Webhooks) OpenCallbackSecret(team, bot, sealed string) (string, error) {
	b, err := w.Open(CallbackSecret(team, bot), sealed)
	return string(b), err
}

// SealCallbackSecret seals a bot's callback secret.
func (w Webhooks) SealCallbackSecret(team, bot, secret string) (string, error) {
	return w.Seal(CallbackSecret(team, bot), []byte(secret))
}
