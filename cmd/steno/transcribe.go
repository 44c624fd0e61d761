package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"steno/internal/clock"
	"steno/internal/ident"
	"steno/internal/netguard"
	"steno/internal/provider/transcribe"
	"steno/internal/provider/transcribe/all"
	"steno/internal/scribe"
	"steno/internal/transcript"
)

// transcribeFolder is where a transcription that is under way keeps what it
// knows, within the folder of the recording.
const transcribeFolder = ".transcription"

type transcribeCmd struct {
	Folder string `arg:"" type:"existingdir" help:"Folder of a recording, as steno record makes it."`

	Service string `name:"transcription-service" enum:"gladia,assemblyai,deepgram,openai,captions" default:"gladia" help:"Who transcribes: ${enum}. openai is also any server that speaks OpenAI's audio API; captions are those of the platform, if it showed any."`
	URL     string `name:"transcription-url" placeholder:"URL" help:"Where the service is. Default: the real one."`
	Key     string `name:"transcription-key" placeholder:"KEY" help:"API key of the service; better given as STENO_TRANSCRIPTION_KEY."`
	Params  string `name:"transcription-params" placeholder:"JSON" help:"Options for the service, as a JSON object; handed through as they are."`
	FFmpeg  string `placeholder:"FILE" name:"ffmpeg" help:"ffmpeg to use. Default: the one on PATH."`
	Keep    bool   `help:"Do not delete the audio and the transcript at the service afterwards."`
}

// Run transcribes a recording, or goes on with that.
func (c *transcribeCmd) Run(ctx context.Context) error {
	var params json.RawMessage
	if c.Params != "" {
		if params = json.RawMessage(c.Params); !json.Valid(params) {
			return fmt.Errorf("--transcription-params is not JSON")
		}
	}
	dir, work := os.DirFS(c.Folder), filepath.Join(c.Folder, transcribeFolder)
	voices, meeting, err := scribe.Folder(dir, 0)
	if err != nil {
		return err
	}
	o := scribe.Options{
		Head: transcript.Head{BotID: ident.New(), Provider: c.Service, CreatedAt: clock.System{}.Now()}, Key: c.Key, Custom: params, Keep: c.Keep,
		Work: work, Out: c.Folder,
		Progress: func(done, all int) { fmt.Fprintf(os.Stderr, "transcribed %d of %d parts\n", done, all) },
	}
	if c.Service == scribe.FromCaptions {
		if voices, err = scribe.CaptionVoices(dir); err == nil && len(voices) == 0 {
			err = fmt.Errorf("the folder holds no captions: the platform showed none")
		}
	} else {
		if len(voices) == 0 {
			var mix scribe.Voice
			mix, err = scribe.Mix(ctx, c.FFmpeg, c.Folder, filepath.Join(work, "mix.opus"), meeting.Turns)
			voices, meeting.Length = []scribe.Voice{mix}, mix.Source.Length
		}
		if err != nil {
			return err
		}
		var service all.Service
		if service, err = all.New(c.Service, transcribe.Options{URL: c.URL, Net: netguard.Options{}}); err == nil {
			defer service.Close()
			o.Service = service
		}
	}
	if err != nil {
		return err
	}
	o.Voices, o.Meeting = voices, meeting
	written, err := scribe.Run(ctx, o)
	if ctx.Err() != nil {
		return fmt.Errorf("stopped; the same command goes on where it was")
	}
	if err != nil {
		return fmt.Errorf("%w; the same command goes on where it was", err)
	}
	for _, f := range written.Files {
		fmt.Println(filepath.Join(c.Folder, f))
	}
	return nil
}
