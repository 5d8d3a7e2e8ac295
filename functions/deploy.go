package functions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/functions/bundle"
	"yunduo/functions/runtime"
)

// DeployRequest is a function to deploy: its code in one of four forms, and its settings.
type DeployRequest struct {
	Name string

	Source fs.FS          // the function's folder
	Files  []bundle.File  // the files of the folder
	Folder string         // the folder on this machine, which is trusted as much as its author
	Root   string         // with Folder: the outermost folder whose files the code may include
	Bundle *bundle.Bundle // made elsewhere

	Settings Settings
	// Prepare makes the version without giving it any calls: those come with an alias, a promotion or a release.
	Prepare bool
	// KeepBroken makes code that cannot be loaded the live version all the same, so that invoking tells what is
	// wrong with it. Otherwise it is refused, and what was live stays.
	KeepBroken bool
}

// Version describes an immutable version of a function.
type Version struct {
	Function  string
	Number    int64
	Hash      string // of the bundle; empty if the code could not be read at all
	Mode      bundle.Mode
	Reason    string // why it is unbundled
	Size      int64  // bytes of code and files
	Settings  Settings
	Timeout   time.Duration // the one that holds
	CreatedAt time.Time
	CreatedBy string
	Warnings  []string
	Failure   *yunduo.Error // why it cannot be loaded; nil if it can
	Live      bool
	Percent   float64  // of the live calls that it gets
	Aliases   []string // that lead to it, at least some of their calls
	// Created says that a deployment made this version, rather than finding that it exists.
	Created bool
}

// Deploy makes a version of a function and points its live alias at it; running invocations end on the version they
// began with. The same content and settings give the same version. Errors: permission_denied, invalid_request,
// invalid_config, invalid_bundle, function_load_failed; the live version stays as it is then.
func (s *Service) Deploy(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, r DeployRequest) (Version, error) {
	if err := manage(caller, app); err != nil {
		return Version{}, err
	}
	if err := validName(r.Name); err != nil {
		return Version{}, err
	}
	if err := r.Settings.validate(s.limits); err != nil {
		return Version{}, err
	}
	unlock, err := s.deploys.Lock(ctx, functionID(app, r.Name))
	if err != nil {
		return Version{}, err
	}
	defer unlock()
	b, err := s.build(ctx, app, r)
	if err != nil {
		return Version{}, err
	}
	v := versionRecord{
		App: app, Function: r.Name, Settings: r.Settings, Failure: newFailure(b.failure),
		CreatedAt: s.options.Now().UTC().Truncate(time.Millisecond), CreatedBy: creator(caller),
	}
	v.Server, v.Fetches = b.server, b.fetches
	if b.Bundle != nil {
		if err := s.store.put(ctx, app, r.Name, b.Bundle); err != nil {
			return Version{}, err
		}
		v.Bundle, v.Mode, v.Reason, v.Size, v.Warnings = b.Hash, b.Mode, b.Reason, b.Size(), b.Warnings
		if b.loading != "" {
			v.Warnings = append(slices.Clone(v.Warnings), b.loading)
		}
	}
	if v.Content, err = v.content(); err != nil {
		return Version{}, err
	}
	created, err := s.publish(ctx, &v, r.Prepare)
	if err != nil {
		return Version{}, err
	}
	if b.Bundle != nil {
		if err := s.keepReport(ctx, &v, b.Report); err != nil {
			return Version{}, err
		}
	}
	if created {
		s.log.Info("function deployed", "app", string(app), "function", r.Name, "version", v.Number, "mode", string(v.Mode), "broken", b.failure != nil)
		if err := s.prune(ctx, app, r.Name); err != nil {
			// The new version is live; old ones that are still there harm nobody, and the next deployment tries again.
			s.log.Warn("old versions could not be removed", "app", string(app), "function", r.Name, "error", err)
		}
	}
	live := v.Number
	if r.Prepare {
		live = 0 // or was live before, which makes no difference to who prepares it
	}
	result := v.describe(live)
	result.Created = created
	return result, nil
}

// content hashes what makes a version different from others.
func (v *versionRecord) content() (string, error) {
	data, err := json.Marshal(struct {
		Bundle   string
		Settings Settings
		Failure  *failureRecord
	}{v.Bundle, v.Settings, v.Failure})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func creator(c yunduo.Caller) string {
	for _, name := range []string{c.Username, c.UserID} {
		if name != "" {
			return name
		}
	}
	return string(c.Role)
}

// publish stores the version under the next number, or finds the equal one, and makes it live unless it is only prepared.
func (s *Service) publish(ctx context.Context, v *versionRecord, prepare bool) (created bool, err error) {
	unlock, err := s.changes.Lock(ctx, functionID(v.App, v.Function))
	if err != nil {
		return false, err
	}
	defer unlock()
	record, err := s.function(ctx, v.App, v.Function)
	if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonFunctionNotFound {
		return false, err
	}
	equal, err := s.versions.Find(ctx, append(ofFunction(v.App, v.Function), bson.E{Key: "content", Value: v.Content}), documents.FindOptions{Limit: 1})
	if err != nil {
		return false, err
	}
	if len(equal) > 0 {
		*v = equal[0]
		if record.live() == (destination{Version: v.Number}) {
			return false, nil
		}
	} else {
		for v.Number = record.Last + 1; ; v.Number++ {
			err := s.versions.Insert(ctx, versionID(v.App, v.Function, v.Number), *v)
			if err == nil {
				break
			}
			// Another node, or a process that ended before it could publish, has used the number.
			if yunduo.ReasonOf(err) != yunduo.ReasonDuplicateKey {
				return false, err
			}
		}
	}
	if prepare {
		return len(equal) == 0, nil
	}
	return len(equal) == 0, s.point(ctx, record, *v)
}

// point gives a version all live calls. The caller holds the function's lock in s.changes.
func (s *Service) point(ctx context.Context, record functionRecord, v versionRecord) error {
	record.App, record.Name = v.App, v.Function
	record.goLive(v.Number)
	record.touch(s.options.Now())
	if err := s.live.Put(ctx, functionID(v.App, v.Function), record); err != nil {
		return err
	}
	s.refresh(ctx, record)
	if err := s.install(ctx, v.App, v.Function, record.live()); err != nil {
		// It is published; whoever invokes it next loads it, or learns why not.
		s.forget(functionID(v.App, v.Function))
		s.log.Warn("a published version could not be loaded yet", "app", string(v.App), "function", v.Function, "version", v.Number, "error", err)
	}
	return nil
}

// built is a bundle with what a deployment learned about it. The bundle itself is sealed.
type built struct {
	*bundle.Bundle
	failure error  // why a version that is kept all the same cannot run
	loading string // what was seen when the code was loaded; empty if nothing special
	server  bool   // the code takes HTTP requests by itself
	fetches bool   // it loads the runtime's own fetch
}

// build makes the bundle.
func (s *Service) build(ctx context.Context, app yunduo.AppID, r DeployRequest) (built, error) {
	if r.Bundle != nil {
		return s.check(ctx, app, r, r.Bundle, nil)
	}
	folder, root, build := r.Folder, r.Root, s.builder.Build
	if folder == "" {
		if bundle.CanBuildApart() {
			build = s.builder.BuildApart
		}
		scratch, err := s.store.scratch()
		if err != nil {
			return built{}, err
		}
		defer os.RemoveAll(scratch)
		if err := bundle.WriteSource(scratch, r.Source, r.Files, s.limits.Bundle); err != nil {
			return built{}, err
		}
		folder, root = scratch, ""
	}
	options := bundle.Options{Entry: r.Settings.entry(), Root: root, OfficialSDK: r.Settings.OfficialSDK}
	if r.Settings.Unbundled {
		options.Mode = bundle.ModeUnbundled
	}
	b, err := build(ctx, folder, options)
	switch reason := yunduo.ReasonOf(err); {
	case err == nil:
	case r.KeepBroken && (reason == yunduo.ReasonFunctionLoadFailed || reason == yunduo.ReasonInvalidBundle):
		return built{Bundle: b, failure: err}, nil
	default:
		return built{}, err
	}
	return s.check(ctx, app, r, b, func() (*bundle.Bundle, error) {
		options.Mode = bundle.ModeUnbundled
		return build(ctx, folder, options)
	})
}

// check loads the code once in a sandbox. Code that loads only from its folder is bundled again that way; code that
// does not load is refused, or kept with a warning. Code that is tried out many times and holds no packages is not
// checked: its first invocation tells.
func (s *Service) check(ctx context.Context, app yunduo.AppID, r DeployRequest, b *bundle.Bundle, unbundle func() (*bundle.Bundle, error)) (built, error) {
	if r.KeepBroken && (b.Mode == bundle.ModeUnbundled || len(b.Packages) == 0) && !r.Settings.Serves && !mayListen(b) {
		return built{Bundle: b}, nil
	}
	seen, broken, err := s.tryLoad(ctx, app, r, b)
	if broken == nil || err != nil {
		return built{Bundle: b, server: seen.Server, fetches: seen.Fetches}, err
	}
	if b.Mode == bundle.ModeBundled && len(b.Packages) > 0 && unbundle != nil {
		other, err := unbundle()
		if err != nil {
			return built{}, err
		}
		seen, again, err := s.tryLoad(ctx, app, r, other)
		if err != nil {
			return built{}, err
		}
		if again == nil {
			return built{Bundle: other, server: seen.Server, fetches: seen.Fetches, loading: "the code runs from its folder, because as one script it does not load: " + firstLine(yunduo.AsError(broken).Message)}, nil
		}
	}
	if !r.KeepBroken {
		return built{}, broken
	}
	return built{Bundle: b, loading: "the code does not load: " + firstLine(yunduo.AsError(broken).Message)}, nil
}

// mayListen reports whether the code could be a server: it then has to be loaded to know.
func mayListen(b *bundle.Bundle) bool {
	if b.Mode == bundle.ModeBundled {
		return bytes.Contains(b.Code, []byte(".listen("))
	}
	return slices.ContainsFunc(b.Source(), func(f bundle.File) bool { return bytes.Contains(f.Data, []byte(".listen(")) })
}

// tryLoad tells what was seen when the code was loaded, and what is wrong with it; err is what kept us from finding out.
func (s *Service) tryLoad(ctx context.Context, app yunduo.AppID, r DeployRequest, b *bundle.Bundle) (seen runtime.CheckReport, broken, err error) {
	v := versionRecord{App: app, Function: r.Name, Settings: r.Settings}
	loaded, err := s.runtimeBundle(ctx, v, b)
	if err != nil {
		return seen, nil, err
	}
	var p program // for its secrets
	if err := s.outfit(ctx, &p, &loaded); err != nil {
		return seen, nil, err
	}
	seen, err = s.runtime.Check(ctx, loaded)
	err = p.hideIn(err)
	switch yunduo.ReasonOf(err) {
	case "":
	case yunduo.ReasonFunctionLoadFailed, yunduo.ReasonInvalidBundle:
		return seen, err, nil
	default:
		return seen, nil, err
	}
	if seen.Server {
		return seen, nil, nil
	}
	if handler := r.Settings.export(); !slices.Contains(seen.Exports, handler) {
		exported := "nothing"
		if len(seen.Exports) > 0 {
			exported = strings.Join(seen.Exports[:min(len(seen.Exports), 5)], ", ")
		}
		return seen, yunduo.Errorf(yunduo.ReasonFunctionLoadFailed, "%s does not export %s; it exports %s", b.Entry, handler, exported), nil
	}
	return seen, nil, nil
}

// runtimeBundle gives a bundle the form that a runtime loads.
func (s *Service) runtimeBundle(ctx context.Context, v versionRecord, b *bundle.Bundle) (runtime.Bundle, error) {
	loaded := runtime.Bundle{
		App: v.App, Function: v.Function, Version: strconv.FormatInt(v.Number, 10),
		Code: b.Code, SourceMap: b.SourceMap, Entry: b.Entry, Handler: v.Settings.export(), Env: v.Settings.Env,
		Limits: runtime.Limits{Timeout: v.Settings.timeout()}, Exclusive: b.Exclusive, Concurrency: v.Settings.Concurrency, Official: v.Settings.OfficialSDK, Fetches: v.Fetches,
	}
	if loaded.Serves = v.Settings.Serves; v.Server || v.Settings.Serves {
		// One copy of the code serves all requests of a process, as it would anywhere else.
		loaded.Exclusive = true
		if loaded.Concurrency == 0 {
			loaded.Concurrency = serverConcurrency
		}
	}
	if b.Mode == bundle.ModeUnbundled {
		loaded.Code = nil
	}
	if b.NeedsFolder || b.Mode == bundle.ModeUnbundled {
		folder, err := s.store.folder(ctx, b)
		if err != nil {
			return loaded, fmt.Errorf("unpack the bundle of %s: %w", v.Function, err)
		}
		loaded.Folder = folder
	}
	return loaded, nil
}

// entry returns the file part of the handler, without its extension; empty for the usual one.
func (s *Settings) entry() string {
	if s.Handler == "" {
		return ""
	}
	file := strings.TrimSuffix(s.Handler, path.Ext(s.Handler))
	if file == "index" {
		return ""
	}
	return file
}

// export returns the name of the exported function.
func (s *Settings) export() string {
	if s.Handler == "" {
		return "main"
	}
	return strings.TrimPrefix(path.Ext(s.Handler), ".")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
