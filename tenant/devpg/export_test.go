package devpg

import "context"

// Download runs the download against a repository of the test's own.
func Download(ctx context.Context, root, url, version string) (dir string, major int, err error) {
	p := place{root: root, log: func(string, ...any) {}}
	b, err := download(ctx, p, downloadSource{url: url, version: version})
	return b.dir, b.major, err
}

// BinDir is where the search finds this machine's binaries.
func BinDir(ctx context.Context) (string, error) {
	b, err := findBinaries(ctx, place{log: func(string, ...any) {}}, 0)
	return b.dir, err
}

// Dir makes and names the directory of an instance that was never started.
func Dir(o Options) (string, error) {
	p, err := locate(o)
	return p.dir, err
}

// MemoryRoot is where a Test instance would live in memory, if anywhere.
func MemoryRoot() string { return memoryRoot() }
