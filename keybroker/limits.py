"""Every bound of the broker's service, with its reason. Sizes of messages: keybroker.protocol."""

from __future__ import annotations

# One provider delegates a /64 to one customer; a bucket per address would be a bucket per packet.
IPV6_SOURCE_BITS = 64
# Proxies, or networks of them, in front of one broker.
PROXIES = 16
# A bucket is under 400 bytes, so the table stays below 40 MB.
RATE_SOURCES = 100_000

# A challenge request is an empty object.
CHALLENGE_BODY_BYTES = 64
# A capability policy with inline files, in a signature, is the largest thing an owner asks about.
ENROLMENT_BODY_BYTES = 4 * 1024 * 1024
# A release policy in canonical form: what fits a file that people write (policies.limits), in JSON.
POLICY_BYTES = 512 * 1024
# A release of the largest size on a slow line; whoever is slower holds a connection for nothing.
BODY_SECONDS = 20.0
# Requests being read or answered at once. More would only queue in front of the two things that
# cost: the processor and the disk.
CONCURRENT_REQUESTS = 256
# Of them of one source: a fleet behind one address starts in a moment, and others get in as well.
REQUESTS_OF_SOURCE = 64
# Open connections, most of them idle between two requests of a runner or a proxy; a connection is
# some KiB. One source has a quarter, or it could keep everybody else out by doing nothing.
CONNECTIONS = 1024
CONNECTIONS_OF_SOURCE = 256
# A client that connects says what it wants within this time, and again after every answer.
HEAD_SECONDS = 10.0
# A client takes what was written for it within this time, or it would hold a request for nothing.
ANSWER_SECONDS = 20.0
# Request line and headers, those that proxies add included.
HEAD_BYTES = 32 * 1024
# All request bodies being read together: eight of the largest. Somebody with no key yet must not
# make the broker hold more, however many connections are open.
BODIES_UNDER_WAY_BYTES = 64 * 1024 * 1024
# Of them of one source: two of the largest, or a hundred of the usual ones.
BODIES_OF_SOURCE_BYTES = 16 * 1024 * 1024
# Time that requests under way get when the service is told to stop.
SHUTDOWN_SECONDS = 15

# Enrolled owners and policies, compiled policies and parsed keys kept ready: a few KiB each.
CACHED_ENROLMENTS = 4096
CACHED_POLICIES = 1024
CACHED_OWNERS = 4096
# Verified modules kept ready; one with large inline files is verified every time instead.
CACHED_MODULES = 512
CACHED_MODULE_BYTES = 64 * 1024

# A hardware TPM makes its endorsement key anew for an activation: some seconds, at most minutes.
CREDENTIAL_SECONDS = 300
# How long a certified attestation key counts; a runner enrols again by itself.
ATTESTATION_KEY_DAYS = 30
# The clock of whoever looks at a new certificate may be behind by this much.
CERTIFICATE_SKEW_SECONDS = 300

# How often what has expired is forgotten; a day's rows are a few MB on a busy broker.
PURGE_SECONDS = 60.0
# How often named endorsements are looked at: new collateral counts this long after it was copied.
REFRESH_SECONDS = 10.0

# The configuration is a page of YAML; a guardrails file is read by the policy reader.
CONFIG_BYTES = 64 * 1024
# Certificates, revocation lists and policies named by the configuration.
NAMED_FILE_BYTES = 4 * 1024 * 1024
NAMED_FILES = 64

# A runner fetches evidence from its firmware and a manifest from a registry in this time.
CHALLENGE_SECONDS = 300
# Replicas' clocks may differ by this much; a challenge from further ahead is not trusted.
CHALLENGE_SKEW_SECONDS = 30

# The longest broker key is a P-256 key in PEM; a row beyond this is not one of ours.
BROKER_KEY_BYTES = 4096
