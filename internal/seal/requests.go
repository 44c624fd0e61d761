package seal

// ScheduledBot names the cell that holds what a scheduled bot was asked for.
func ScheduledBot(team, bot string) Context {
	return Context{Team: team, Table: "scheduled_bots", Row: bot, Column: "request"}
}

// Requests seals and opens what scheduled bots were asked for; it is what their
// store sees of a Sealer.
type Requests struct{ *Sealer }

// SealRequest seals a request.
func (r Requests) SealRequest(team, bot string, plain []byte) (string, error) {
	return r.Seal(ScheduledBot(team, bot), plain)
}

// OpenRequest opens what SealRequest returned.
func (r Requests) OpenRequest(team, bot, sealed string) ([]byte, error) {
	return r.Open(ScheduledBot(team, bot), sealed)
}
