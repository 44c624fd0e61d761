package seal

// The cells that hold secrets, in one place: a rewrap job walks this list, and
// writer and reader cannot disagree about a context.

// CallbackSecret is the cell of a bot's callback secret.
func CallbackSecret(team, bot string) Context {
	return Context{Team: team, Table: "bots", Row: bot, Column: "callback_secret"}
}

// WebhookKey is the cell of the API key that goes with what is told to a v1
// bot's own address.
func WebhookKey(team, bot string) Context {
	return Context{Team: team, Table: "bots", Row: bot, Column: "webhook_key"}
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

// CalendarGrant is the cell of a calendar connection's credentials and tokens.
func CalendarGrant(team, calendar string) Context {
	return Context{Team: team, Table: "calendar_grants", Row: calendar, Column: "sealed"}
}

// BotRule is the cell of the settings that a calendar's bots are made with.
func BotRule(team, rule string) Context {
	return Context{Team: team, Table: "bot_rules", Row: rule, Column: "settings"}
}

// Calendars seals and opens the secrets of calendars.
type Calendars struct{ *Sealer }

// SealGrant seals a connection's grant.
func (c Calendars) SealGrant(team, calendar string, plain []byte) (string, error) {
	return c.Seal(CalendarGrant(team, calendar), plain)
}

// OpenGrant opens what SealGrant returned.
func (c Calendars) OpenGrant(team, calendar, sealed string) ([]byte, error) {
	return c.Open(CalendarGrant(team, calendar), sealed)
}

// SealRule seals the settings of a rule.
func (c Calendars) SealRule(team, rule string, plain []byte) (string, error) {
	return c.Seal(BotRule(team, rule), plain)
}

// OpenRule opens what SealRule returned.
func (c Calendars) OpenRule(team, rule, sealed string) ([]byte, error) {
	return c.Open(BotRule(team, rule), sealed)
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

// OpenWebhookKey opens the API key that goes to a v1 bot's own address.
func (w Webhooks) OpenWebhookKey(team, bot, sealed string) (string, error) {
	b, err := w.Open(WebhookKey(team, bot), sealed)
	return string(b), err
}

// SealCallbackSecret seals a bot's callback secret.
func (w Webhooks) SealCallbackSecret(team, bot, secret string) (string, error) {
	return w.Seal(CallbackSecret(team, bot), []byte(secret))
}

// ZoomCredential is the cell of the keys and tokens of a Zoom credential.
func ZoomCredential(team, credential string) Context {
	return Context{Team: team, Table: "zoom_credentials", Row: credential, Column: "sealed"}
}

// Zoom seals and opens the secrets of Zoom credentials.
type Zoom struct{ *Sealer }

// SealZoom seals a credential's keys and tokens.
func (z Zoom) SealZoom(team, credential string, plain []byte) (string, error) {
	return z.Seal(ZoomCredential(team, credential), plain)
}

// OpenZoom opens what SealZoom returned.
func (z Zoom) OpenZoom(team, credential, sealed string) ([]byte, error) {
	return z.Open(ZoomCredential(team, credential), sealed)
}
