package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Client speaks API v2 with nothing but the standard library.
type Client struct {
	Base string
	Key  string
	// HTTP makes the calls to the API; nil: the default client.
	HTTP *http.Client
}

// APIError is an answer that is not 2xx.
type APIError struct {
	Status int
	Code   string
	Text   string
}

// Error returns status, code and message.
func (e *APIError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Text) }

// Details is what the program reads of a bot's details.
type Details struct {
	ID            string        `json:"bot_id"`
	Status        string        `json:"status"`
	Duration      *float64      `json:"duration_seconds"`
	Video         *string       `json:"video"`
	Audio         *string       `json:"audio"`
	Diarization   *string       `json:"diarization"`
	Transcription *string       `json:"transcription"`
	ErrorCode     *string       `json:"error_code"`
	ErrorMessage  *string       `json:"error_message"`
	Participants  []Participant `json:"participants"`
	Speakers      []Participant `json:"speakers"`
	// ParticipantAudio is Steno's own: a link to each participant's voice.
	ParticipantAudio []struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	} `json:"participant_audio"`
}

// Utterance is what the program reads of bot.transcript.
type Utterance struct {
	ID      int64   `json:"id"`
	Speaker string  `json:"speaker"`
	Text    string  `json:"text"`
	Start   float64 `json:"start"`
}

func (u Utterance) start() time.Duration { return time.Duration(u.Start * float64(time.Second)) }

// Participant is somebody in the details.
type Participant struct {
	Name string `json:"name"`
	ID   *int   `json:"id"`
}

// Do sends a request with a JSON body (none if body is nil) and decodes the
// answer's data into out (if not nil). A refusal is an *APIError.
func (c Client) Do(ctx context.Context, method, path string, body, out any) error {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("x-meeting-baas-api-key", c.Key)
	req.Header.Set("content-type", "application/json")
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var envelope struct {
		Data    json.RawMessage `json:"data"`
		Code    string          `json:"code"`
		Message string          `json:"message"`
	}
	if err := json.Unmarshal(data, &envelope); err != nil {
		return fmt.Errorf("%s %s answers %d with something that is not JSON: %.200s", method, path, resp.StatusCode, data)
	}
	if resp.StatusCode/100 != 2 {
		return &APIError{resp.StatusCode, envelope.Code, envelope.Message}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(envelope.Data, out)
}

// CreateBot sends a bot and returns its id.
func (c Client) CreateBot(ctx context.Context, config map[string]any) (string, error) {
	var made struct {
		ID string `json:"bot_id"`
	}
	err := c.Do(ctx, http.MethodPost, "/v2/bots", config, &made)
	return made.ID, err
}

// Bot returns a bot's details.
func (c Client) Bot(ctx context.Context, id string) (Details, error) {
	var d Details
	err := c.Do(ctx, http.MethodGet, "/v2/bots/"+id, nil, &d)
	return d, err
}

// Leave asks a bot to leave.
func (c Client) Leave(ctx context.Context, id string) error {
	return c.Do(ctx, http.MethodPost, "/v2/bots/"+id+"/leave", nil, nil)
}

// Download stores what a signed URL gives as a file.
func (c Client) Download(ctx context.Context, url, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("download %s: %s", path, resp.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, resp.Body); err != nil {
		f.Close()
		return fmt.Errorf("download %s: %w", path, err)
	}
	return f.Close()
}
