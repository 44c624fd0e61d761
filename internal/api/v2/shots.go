package v2

import (
	"context"

	"steno/internal/account"
)

type shotsInput struct {
	BotID  string `path:"bot_id" doc:"The id of the bot, a UUID."`
	Limit  int    `query:"limit" minimum:"1" maximum:"250" default:"50" doc:"A page never holds more than 100."`
	Cursor string `query:"cursor" doc:"cursor or prev_cursor of the page before."`
}

type shotsOutput struct {
	Body struct {
		Success    bool         `json:"success"`
		Data       []screenshot `json:"data"`
		Cursor     *string      `json:"cursor"`
		PrevCursor *string      `json:"prev_cursor"`
	}
}

type screenshot struct {
	ScreenshotID int    `json:"screenshot_id" doc:"Counts from 1."`
	URL          string `json:"url" format:"uri" doc:"Works for four hours."`
}

func (s *Surface) getBotScreenshots(ctx context.Context, c account.Caller, in *shotsInput) (*shotsOutput, error) {
	id, err := botInput{in.BotID}.id()
	if err != nil {
		return nil, err
	}
	page, err := s.Bots.Screenshots(ctx, c.TeamID, id, in.Limit, value(in.Cursor))
	if err != nil {
		return nil, err
	}
	out := &shotsOutput{}
	out.Body.Success, out.Body.Data = true, make([]screenshot, 0, len(page.Shots))
	for _, shot := range page.Shots {
		out.Body.Data = append(out.Body.Data, screenshot{shot.ID, shot.URL})
	}
	out.Body.Cursor, out.Body.PrevCursor = text(page.Next), text(page.Prev)
	return out, nil
}
