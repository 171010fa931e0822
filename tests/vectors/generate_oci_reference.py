"""Vectors of section 1 of docs/specs/oci-artifact.md: what is a reference and what is none."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.folder import fresh_folder, write_case

DIGEST = "sha256:" + "0123456789abcdef" * 4
HOST = "registry.example.com"
INVALID = "seal-reference-invalid"

# (case, step of the spec, reference, location, target)
ACCEPTED = [
    ("layout-tag", "1.1", "oci:out:v1", "oci:out", "v1"),
    ("layout-digest", "1.1", f"oci:out@{DIGEST}", "oci:out", DIGEST),
    ("layout-default-tag", "1.7", "oci:out", "oci:out", "latest"),
    ("layout-parent-folder", "1.2", "oci:../out dir/x:v1", "oci:../out dir/x", "v1"),
    ("layout-that-looks-like-a-host", "1.1", "oci:5000/repo:v1", "oci:5000/repo", "v1"),
    ("layout-longest", "1.2", "oci:" + "x" * 4096, "oci:" + "x" * 4096, "latest"),
    ("host-label-longest", "1.4", "a" * 63 + ".example/a:v1", "a" * 63 + ".example/a", "v1"),
    ("port-lowest", "1.4", "registry:1/a:v1", "registry:1/a", "v1"),
    ("registry-tag", "1.3", f"{HOST}/acme/scoring:v1", f"{HOST}/acme/scoring", "v1"),
    ("registry-digest", "1.3", f"{HOST}/acme/scoring@{DIGEST}", f"{HOST}/acme/scoring", DIGEST),
    (
        "registry-separators",
        "1.5",
        "localhost/a_b/c__d/e.f/g---h:1",
        "localhost/a_b/c__d/e.f/g---h",
        "1",
    ),
    ("registry-single-label-port", "1.4", "registry:5000/a:v1", "registry:5000/a", "v1"),
    ("registry-ipv4", "1.4", "127.0.0.1:5000/a:v1", "127.0.0.1:5000/a", "v1"),
    ("registry-ipv6", "1.4", "[::1]:65535/a:v1", "[::1]:65535/a", "v1"),
    ("tag-longest", "1.6", f"{HOST}/a:" + "T" * 128, f"{HOST}/a", "T" * 128),
    ("name-longest", "1.5", f"{HOST}/" + "a" * 234 + ":v1", f"{HOST}/" + "a" * 234, "v1"),
]

# (case, step of the spec, reference, code)
REFUSED = [
    ("empty", "1.3", "", INVALID),
    ("layout-no-folder", "1.2", "oci:", INVALID),
    ("layout-empty-folder", "1.2", "oci::v1", INVALID),
    ("layout-empty-tag", "1.6", "oci:out:", INVALID),
    ("layout-two-colons", "1.2", "oci:out:v1:v2", INVALID),
    ("layout-two-ats", "1.2", f"oci:a@b@{DIGEST}", INVALID),
    ("layout-control-character", "1.2", "oci:out\n:v1", INVALID),
    ("layout-control-character-of-eight-bits", "1.2", "oci:out\x9b31m:v1", INVALID),
    ("layout-nul", "1.2", "oci:out\0x", INVALID),
    ("layout-tag-is-path", "1.6", "oci:out:../../etc", INVALID),
    ("layout-too-long", "1.2", "oci:" + "x" * 4097, INVALID),
    ("tag-and-digest", "1.6", f"{HOST}/a:v1@{DIGEST}", INVALID),
    ("tag-too-long", "1.6", f"{HOST}/a:" + "T" * 129, INVALID),
    ("tag-starts-with-dot", "1.6", f"{HOST}/a:.v1", INVALID),
    ("tag-starts-with-dash", "1.6", f"{HOST}/a:-v1", INVALID),
    ("tag-not-ascii", "1.6", f"{HOST}/a:v\u0661", INVALID),
    ("tag-newline", "1.6", f"{HOST}/a:v1\n", INVALID),
    ("digest-upper-case", "1.6", f"{HOST}/a@sha256:" + "A" * 64, INVALID),
    ("digest-short", "1.6", f"{HOST}/a@sha256:" + "a" * 63, INVALID),
    ("digest-long", "1.6", f"{HOST}/a@sha256:" + "a" * 65, INVALID),
    ("digest-other-algorithm", "1.6", f"{HOST}/a@sha512:" + "a" * 128, INVALID),
    ("digest-empty", "1.6", f"{HOST}/a@", INVALID),
    ("no-host", "1.3", "scoring:v1", INVALID),
    ("no-host-two-parts", "1.4", "acme/scoring:v1", INVALID),
    ("host-empty", "1.4", "/a:v1", INVALID),
    ("host-upper-case", "1.4", "Registry.example.com/a:v1", INVALID),
    ("host-underscore", "1.4", "my_registry.example.com/a:v1", INVALID),
    ("host-trailing-dot", "1.4", f"{HOST}./a:v1", INVALID),
    ("host-label-too-long", "1.4", "a" * 64 + ".example.com/a:v1", INVALID),
    ("host-with-user", "1.4", f"user@{HOST}/a:v1", INVALID),
    ("host-with-scheme", "1.4", f"https://{HOST}/a:v1", INVALID),
    ("host-short-ipv4", "1.4", "127.1:5000/a:v1", INVALID),
    ("host-octal-ipv4", "1.4", "127.0.0.01:5000/a:v1", INVALID),
    ("host-hex-ipv4", "1.4", "127.0.0.0x1:5000/a:v1", INVALID),
    ("host-ipv4-out-of-range", "1.4", "127.0.0.256/a:v1", INVALID),
    ("host-ipv6-long-form", "1.4", "[0:0:0:0:0:0:0:1]:5000/a:v1", INVALID),
    ("host-ipv6-zone", "1.4", "[fe80::1%eth0]:5000/a:v1", INVALID),
    ("host-ipv6-open", "1.4", "[::1/a:v1", INVALID),
    ("host-ipv6-junk", "1.4", "[::1]x/a:v1", INVALID),
    ("port-zero", "1.4", f"{HOST}:0/a:v1", INVALID),
    ("port-too-large", "1.4", f"{HOST}:65536/a:v1", INVALID),
    ("port-leading-zero", "1.4", f"{HOST}:0443/a:v1", INVALID),
    ("port-empty", "1.4", f"{HOST}:/a:v1", INVALID),
    ("repository-empty", "1.5", f"{HOST}/:v1", INVALID),
    ("repository-upper-case", "1.5", f"{HOST}/Acme:v1", INVALID),
    ("repository-parent", "1.5", f"{HOST}/a/../b:v1", INVALID),
    ("repository-double-slash", "1.5", f"{HOST}/a//b:v1", INVALID),
    ("repository-trailing-slash", "1.5", f"{HOST}/a/:v1", INVALID),
    ("repository-three-underscores", "1.5", f"{HOST}/a___b:v1", INVALID),
    ("repository-two-dots", "1.5", f"{HOST}/a..b:v1", INVALID),
    ("repository-percent", "1.5", f"{HOST}/a%2fb:v1", INVALID),
    ("repository-query", "1.5", f"{HOST}/a?b:v1", INVALID),
    ("name-too-long", "1.5", f"{HOST}/" + "a" * 235 + ":v1", INVALID),
    ("registry-no-target", "1.7", f"{HOST}/acme/scoring", "seal-reference-incomplete"),
]  # fmt: skip


def generate(root: Path) -> None:
    """Write every case below `root`/oci_reference."""
    folder = fresh_folder(root, "oci_reference")
    for name, step, reference, location, target in ACCEPTED:
        case = {"stage": "target", "expect": "accepted", "location": location, "target": target}
        write_case(folder, name, case | {"why": _why(step, name), "reference": reference})
    for name, step, reference, code in REFUSED:
        case = {"stage": "target" if code.endswith("incomplete") else "parse", "expect": code}
        write_case(folder, name, case | {"why": _why(step, name), "reference": reference})


def _why(step: str, name: str) -> str:
    return f"docs/specs/oci-artifact.md step {step}: {name.replace('-', ' ')}"
