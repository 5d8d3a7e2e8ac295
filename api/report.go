package api

import (
	"context"

	"yunduo/wire"
)

// shownPackages is how many packages of a version are told, the biggest.
const shownPackages = 20

func functionReport(ctx context.Context, a *API, call *Call, req *wire.FunctionRequest) (*wire.FunctionReport, error) {
	r, err := a.rooms.Functions.Report(ctx, call.Caller, call.App, req.Name, req.Version)
	if err != nil {
		return nil, err
	}
	response := &wire.FunctionReport{
		Name: r.Function, Version: r.Version, Mode: string(r.Mode), SizeBytes: r.Size, SourceBytes: r.SourceBytes, CodeBytes: r.CodeBytes,
		ModuleBytes: r.ModuleBytes, InstalledBytes: r.InstalledBytes, PackageCount: len(r.Packages), Packages: []wire.PackageSize{},
		Missing: []wire.MissingModule{}, Advisories: []wire.PackageAdvisory{}, Unchecked: r.Audit.Unchecked, CheckedAt: r.Audit.At,
	}
	for _, p := range r.Packages[:min(len(r.Packages), shownPackages)] {
		response.Packages = append(response.Packages, wire.PackageSize{Name: p.Name, Version: p.Version, Bytes: p.Bytes})
	}
	for _, m := range r.Missing {
		response.Missing = append(response.Missing, wire.MissingModule(m))
	}
	for _, x := range r.Audit.Advisories {
		response.Advisories = append(response.Advisories, wire.PackageAdvisory(x))
	}
	return response, nil
}
