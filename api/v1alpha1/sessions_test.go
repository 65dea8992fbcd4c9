package v1alpha1_test

import "testing"

func TestSessionsRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"a duration in days": {
			`spec: {drain: {timeout: 1d}}`,
			`this is neither a duration nor Never: write one such as 90s, 5m or 1h30m, or Never`,
		},
		"a duration without a unit": {
			`spec: {sessions: {loginGrace: "90"}}`,
			`this is not a duration: write one such as 90s, 5m or 1h30m`,
		},
		"a drain of no time": {
			`spec: {drain: {timeout: 0s}}`,
			`this is no time at all: write a duration above zero, such as 90s, or Never, or leave the field out for its default`,
		},
		"sessions that may not be idle at all": {
			`spec: {sessions: {idleTimeout: 0h0m}}`,
			`this is no time at all`,
		},
		"a timeout in words": {
			`spec: {sessions: {idleTimeout: 'Off'}}`,
			`this is neither a duration nor Never: write one such as 90s, 5m or 1h30m, or Never`,
		},
		"strangers who may wait for ever": {
			`spec: {sessions: {loginGrace: Never}}`,
			`this is not a duration: write one such as 90s, 5m or 1h30m`,
		},
		"a ban after no failure": {
			`spec: {sessions: {ban: {failures: 0}}}`,
			`spec.sessions.ban.failures in body should be greater than or equal to 1`,
		},
		"transfers that may not pause at all": {
			`spec: {sessions: {stallTimeout: 0s}}`,
			`this is no time at all`,
		},
		"no connection before login": {
			`spec: {sessions: {maxBeforeLogin: -1}}`,
			`spec.sessions.maxBeforeLogin in body should be greater than or equal to 1`,
		},
		"an exemption that is no network": {
			`spec: {sessions: {ban: {exempt: [office]}}}`,
			`exempt has something that is neither an address nor a network: write 192.0.2.7 or 10.0.0.0/8`,
		},
		"no upload at all": {
			`spec: {sessions: {bandwidth: {upload: 0}}}`,
			`upload is not above zero: write bytes per second such as 10Mi, or leave it out for no limit`,
		},
		"no download at all": {
			`spec: {sessions: {bandwidth: {download: "-1"}}}`,
			`download is not above zero: write bytes per second such as 10Mi, or leave it out for no limit`,
		},
	})
}
