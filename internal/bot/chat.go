package bot

import (
	"context"
	"time"
)

// EventChat tells of a message that somebody wrote in a meeting (digest 9.1).
const EventChat = "bot.chat_message"

// ChatMessage is a message of somebody else in the meeting's chat.
type ChatMessage struct {
	ID     string
	Sender string
	N      int // of the sender among the participants; 0: not known
	Text   string
}

type chatData struct {
	BotID      string  `json:"bot_id"`
	EventID    *string `json:"event_id"`
	MessageID  string  `json:"message_id"`
	SenderName string  `json:"sender_name"`
	SenderID   *int    `json:"sender_id"`
	Text       string  `json:"text"`
	SentAt     string  `json:"sent_at"` // of the webhook
}

func (s *Service) tellChats(ctx context.Context, tx Tx, b Bot, chats []ChatMessage) error {
	if b.Surface == SurfaceV1 {
		return nil // v1 has no words for it
	}
	now := s.Clock.Now()
	for _, c := range chats {
		if err := tx.Emit(ctx, chatEvent(b, c, now)); err != nil {
			return err
		}
	}
	return nil
}

func chatEvent(b Bot, c ChatMessage, now time.Time) Message {
	data := chatData{BotID: b.ID, EventID: b.event(), MessageID: c.ID, SenderName: c.Sender, Text: c.Text, SentAt: stamp(now)}
	if c.N > 0 {
		data.SenderID = &c.N
	}
	return Message{TeamID: b.TeamID, BotID: b.ID, Surface: SurfaceV2, Event: EventChat, At: now, Body: b.body(EventChat, data)}
}
