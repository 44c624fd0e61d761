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
