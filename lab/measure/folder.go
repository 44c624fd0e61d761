package measure

import (
	"errors"
	"fmt"
	"path/filepath"

	"steno/internal/record/journal"
)

// Folder describes the recording in a bot's folder, as its journal tells: the
// epoch and the artifacts.
func Folder(dir string) (Recording, error) {
	entries, err := journal.Read(dir)
	if err != nil {
		return Recording{}, fmt.Errorf("measure folder: %w", err)
	}
	var epoch int64
	var list []journal.Artifact
	for _, e := range entries {
		if e.Epoch != nil && epoch == 0 {
			epoch = e.Epoch.UnixMicro
		}
		if e.Artifact != nil {
			list = append(list, *e.Artifact)
		}
	}
	if epoch == 0 {
		return Recording{}, errors.New("measure folder: nothing was recorded: the journal has no epoch")
	}
	return Artifacts(dir, epoch, list), nil
}

// Artifacts describes the recording whose files are listed, relative to a
// folder.
func Artifacts(dir string, epochUS int64, list []journal.Artifact) Recording {
	rec := Recording{EpochUS: epochUS}
	for _, a := range list {
		path := filepath.Join(dir, a.Path)
		switch a.Kind {
		case "video":
			rec.Video = path
		case "audio":
			rec.Audio = path
		case "diarization":
			rec.Diarization = path
		case "participant_audio":
			if rec.People == nil {
				rec.People = map[string]string{}
			}
			rec.People[a.Name] = path
		}
	}
	return rec
}
