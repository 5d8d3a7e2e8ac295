package storage

import (
	"context"
	"strings"

	"yunduo"
)

// Preset says what end users may do with the files of an app. Code of the app, its owner and the platform may do all.
type Preset string

// The presets.
const (
	Private    Preset = "private"    // the creator reads and writes: the default
	ReadOnly   Preset = "readonly"   // everybody reads, the creator writes
	AdminWrite Preset = "adminwrite" // everybody reads, no end user writes
	AdminOnly  Preset = "adminonly"  // no end user reads or writes
)

// settings are what an app has set for its files, under the app's ID.
type settings struct {
	ID     string `bson:"_id"`
	Preset Preset `bson:"preset"`
}

// Rules returns the preset of the caller's app.
func (s *Store) Rules(ctx context.Context, caller yunduo.Caller) (Preset, error) {
	if err := admit(caller); err != nil {
		return "", err
	}
	return s.preset(ctx, caller.App)
}

// SetRules sets the preset of the caller's app; in any case of letters. Only who administers the app may;
// permission_denied otherwise, invalid_rules for an unknown preset.
func (s *Store) SetRules(ctx context.Context, caller yunduo.Caller, preset Preset) error {
	if err := admit(caller); err != nil {
		return err
	}
	if !caller.MayManage(caller.App) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app may change the rules of its files")
	}
	preset = Preset(strings.ToLower(string(preset)))
	switch preset {
	case Private, ReadOnly, AdminWrite, AdminOnly:
		return s.settings.Put(ctx, string(caller.App), settings{ID: string(caller.App), Preset: preset})
	}
	return yunduo.Errorf(yunduo.ReasonInvalidRules, "%q is no set of file rules; use private, readonly, adminwrite or adminonly", clip(string(preset)))
}

func (s *Store) preset(ctx context.Context, app yunduo.AppID) (Preset, error) {
	set, err := s.settings.Get(ctx, string(app))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return Private, nil
	}
	return set.Preset, err
}

// admit refuses callers without an app or without a role.
func admit(caller yunduo.Caller) error {
	if caller.App == "" || !caller.Privileged() && !caller.EndUser() {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "files belong to an app, and this caller acts in none")
	}
	return nil
}

// owner returns what marks the files of an end user: the openid, else the user ID.
func owner(caller yunduo.Caller) string {
	if caller.OpenID != "" {
		return caller.OpenID
	}
	return caller.UserID
}

// mayRead checks that the caller may read a file.
func (s *Store) mayRead(ctx context.Context, caller yunduo.Caller, file record) error {
	if caller.Privileged() {
		return nil
	}
	preset, err := s.preset(ctx, caller.App)
	if err != nil {
		return err
	}
	if preset == ReadOnly || preset == AdminWrite || preset == Private && owns(caller, file) {
		return nil
	}
	return denied("read", file.Path)
}

// mayWrite checks that the caller may replace or remove a file, or store a new one if there is none yet.
func (s *Store) mayWrite(ctx context.Context, caller yunduo.Caller, path string, present *record) error {
	if caller.Privileged() {
		return nil
	}
	preset, err := s.preset(ctx, caller.App)
	if err != nil {
		return err
	}
	creator := owner(caller) != "" && (present == nil || owns(caller, *present))
	if creator && (preset == Private || preset == ReadOnly) {
		return nil
	}
	return denied("write", path)
}

func owns(caller yunduo.Caller, file record) bool {
	return file.Owner != "" && file.Owner == owner(caller)
}

func denied(what, path string) error {
	return yunduo.Errorf(yunduo.ReasonFileDenied, "the caller may not %s the file %q", what, clip(path))
}
