package doctor

import "net"

// Judge gives tests the verdicts on figures that no test's server has.
var Judge = struct {
	Version     func(major, minor int) Verdict
	Connections func(room, pool int) Verdict
	Locks       func(slots, perTransaction, backends, biggest, tables int) Verdict
	TLS         func(peer net.Addr) Verdict
	Versions    func(required, tool string) Verdict
}{
	func(major, minor int) Verdict { return first(judgeVersion(major, minor)) },
	func(room, pool int) Verdict { return first(judgeConnections(room, pool)) },
	func(slots, perTransaction, backends, biggest, tables int) Verdict {
		return first(judgeLocks(slots, perTransaction, backends, biggest, tables))
	},
	func(peer net.Addr) Verdict { return first(judgeTLS(peer, false, nil)) },
	func(required, tool string) Verdict { return first(compareVersions(required, tool)) },
}

// Verdict is an outcome.
type Verdict struct {
	Status Status
	Mend   string
}

func first(outcomes []outcome) Verdict { return Verdict{outcomes[0].status, outcomes[0].mend} }
