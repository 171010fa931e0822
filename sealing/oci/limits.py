"""Every bound of the OCI code, with its reason. What is inside an artifact: `sealing.limits`."""

from __future__ import annotations

# Host, port, slash and repository together: what the distribution spec tells clients to expect.
NAME_CHARS = 255
# The longest name that DNS can carry.
HOST_CHARS = 253
# Distribution spec, grammar of a tag.
TAG_CHARS = 128
# PATH_MAX of Linux: a longer folder can not be opened.
FOLDER_CHARS = 4096

# Lists of descriptors (index.json, referrers): INDEX_ENTRIES of them with annotations fit.
INDEX_BYTES = 2 << 20
# Versions and signatures in one list; each entry may cost the reader one more file or request.
INDEX_ENTRIES = 1024
# The manifest that attaches a bundle has no texts but ours, and is under 1 KiB.
BUNDLE_REFERRER_BYTES = 4 << 10
# Read to find an owner's bundle among INDEX_ENTRIES others that hide it: one of up to 256 KiB,
# which is a long bill of materials, is found however many of its size there are.
SEARCHED_BYTES = 256 << 20
# What is attached to one artifact, a few requests each: attestations of a pipeline and signatures.
ATTESTATIONS = 64
# A registry that always names a next page would keep us reading for ever.
REFERRER_PAGES = 16
# Tags of one repository: years of releases, and three tags of signatures for each.
TAG_PAGES = 64
# What we ask for at once; registries give less when they like.
TAG_PAGE_ENTRIES = 1000
# In all: a tag in memory costs 20 times what it costs whoever makes it up.
TAGS = TAG_PAGES * TAG_PAGE_ENTRIES
# A page of tags as long as tags can be, ten times as many as we asked for.
TAGS_BYTES = 2 << 20
# Two writers of one fallback list have no lock and may need to take turns.
REFERRER_WRITE_TRIES = 4
# `oci-layout` holds one short member.
MARKER_BYTES = 1024
# Files of an air-gap archive: an artifact, its signatures and as many attestations as are read.
ARCHIVE_ENTRIES = 1024
# The largest layer, and room for everything that is attached to it.
ARCHIVE_BYTES = (512 << 20) + (128 << 20)
# As large as a policy may be (policies.limits).
ARCHIVE_POLICY_BYTES = 256 << 10

# Another writer needs the lock of a folder for one small file. Half a minute is many writers.
LOCK_TRIES = 600
LOCK_WAIT_SECONDS = 0.05

# Read and write size: at 1 MiB the hash, not the number of calls, bounds the speed (measured).
CHUNK_BYTES = 1 << 20
# Error bodies feed one line of our log, and no more of a stranger's words than this.
ERROR_BYTES = 8 << 10
ERROR_CHARS = 200
# Upload state and signed URLs of blob stores reach 2 KiB.
LOCATION_CHARS = 8192
# A Link field holds a location, twice where another relation is named, and a few words.
LINK_CHARS = 2 * LOCATION_CHARS + 1024
# Registry to store to region is two; more is a loop or a game.
REDIRECTS = 3

# A host that does not accept a connection in this time is down for a person who waits.
CONNECT_SECONDS = 10.0
# Longest silence inside an answer: registries on cold storage need seconds, not minutes.
SILENCE_SECONDS = 30.0
# A request, its redirects and its answer may take EXCHANGE_SECONDS, room for a connection and a
# long silence, plus their size at this speed: silence alone does not notice a peer that sends one
# byte at a time. Nor may they ever be EXCHANGE_SECONDS behind what has moved at this speed: a size
# is the peer's own word, and half a gigabyte would be two hours.
EXCHANGE_SECONDS = 60.0
EXCHANGE_BYTES_PER_SECOND = 64 << 10
# Registries answer in less, also from another continent; what takes longer costs patience ...
ANSWER_SECONDS = 2.0
# ... of which there is this much for one registry and one command: an artifact is a few answers,
# but whoever may attach signatures decides how many, and each try has a time of its own.
PATIENCE_SECONDS = 300.0
# RFC 8446 section 5.1: what TLS gives at once, as plain text.
RECORD_BYTES = 16 << 10
# A socket with room takes about this much at once.
WRITE_BYTES = 64 << 10
# Longer than the pauses of one transfer; after it the peer has probably hung up.
KEEPALIVE_SECONDS = 5.0
# Waits between tries: a registry that restarts behind a balancer is back in about three seconds.
RETRY_SECONDS = (0.5, 1.0, 2.0)
# Worth one more request for being able to go on after a break: a second on a fast line.
SESSION_BYTES = 16 << 20
# A try that carried a transfer this much further does not count; as sizes are bounded, tries are.
RESUME_BYTES = 1 << 20
# Blobs on their way at once: more than a few gain nothing on one line, and registries throttle.
TRANSFERS = 4
# A registry may ask for more patience than this; then the caller should know and decide.
RETRY_AFTER_SECONDS = 30.0
# More digits make it only longer.
RETRY_AFTER_CHARS = 20

# One WWW-Authenticate line holds a URL and a few words; more lines than schemes exist are a game.
CHALLENGE_CHARS = 8 << 10
CHALLENGE_LINES = 16
# Tokens are signed lists of rights: those of the large registries reach 4 KiB, and more than this
# no server takes in a header.
TOKEN_CHARS = 32 << 10
TOKEN_ANSWER_BYTES = 64 << 10
# Distribution spec, token authentication: what a token without `expires_in` lasts.
TOKEN_SECONDS = 60
# Tokens that claim to last longer than a day are asked for again nevertheless.
TOKEN_SECONDS_MAX = 24 * 3600
# A token that ends during a transfer costs the transfer: it is renewed this much earlier.
TOKEN_SPARE_SECONDS = 10
# Docker's config.json with credentials for hundreds of registries.
CREDENTIALS_BYTES = 1 << 20
# A credential helper may ask its user to touch a key; its answer is one small document.
HELPER_SECONDS = 60.0
HELPER_BYTES = 64 << 10
HELPER_NAME_CHARS = 64
