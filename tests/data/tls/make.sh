#!/bin/sh
# Creates the certificates of this folder again: an authority, servers and a client, for tests alone.
# They say who is who on loopback and protect nothing. Needs openssl.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/index"
cat >"$work/ca.cnf" <<EOF
[ca]
default_ca = here
[here]
database = $work/index
new_certs_dir = $work
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
EOF

# In the past, so that no clock is too slow for them.
begin=20200101000000Z
end=21200101000000Z

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }
# The file without its end, the subject, the end of its life, the extensions, and who signs
sign() {
    key "$1-key.pem"
    openssl req -new -key "$1-key.pem" -subj "/CN=$2" -out "$work/request"
    printf '%s\n' "$4" >"$work/extensions"
    name=$1
    until=$3
    shift 4
    openssl ca -batch -notext -config "$work/ca.cnf" -startdate "$begin" -enddate "$until" \
        -in "$work/request" -extfile "$work/extensions" -out "$name.pem" "$@" 2>/dev/null
}
by_authority() { sign "$@" -keyfile authority-key.pem -cert authority.pem; }
by_itself() { sign "$@" -selfsign -keyfile "$1-key.pem"; }

by_itself authority "tests authority" "$end" "basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign"
here="IP:127.0.0.1,IP:::1,DNS:localhost,DNS:registry.example.com"
# Registries of clouds are recognised by their names, so the tests have some.
clouds="DNS:123456789012.dkr.ecr.eu-west-1.amazonaws.com,DNS:mine.azurecr.io,DNS:europe-docker.pkg.dev"
by_authority server "tests server" "$end" "subjectAltName=$here,$clouds
extendedKeyUsage=serverAuth"
by_authority client "tests client" "$end" "extendedKeyUsage=clientAuth"
by_authority ended "tests server that has ended" 20210101000000Z "subjectAltName=$here
extendedKeyUsage=serverAuth"
by_authority other-name "tests server elsewhere" "$end" "subjectAltName=DNS:elsewhere.example.com
extendedKeyUsage=serverAuth"
by_itself self-signed "tests server of its own" "$end" "subjectAltName=$here
extendedKeyUsage=serverAuth"
# As `openssl req -x509` makes them: they call themselves authorities.
by_itself own-authority "tests server as its own authority" "$end" "basicConstraints=critical,CA:TRUE
subjectAltName=$here"
by_itself own-ended "tests server as its own authority that has ended" 20210101000000Z "basicConstraints=critical,CA:TRUE
subjectAltName=$here"
by_itself own-elsewhere "tests server as its own authority elsewhere" "$end" "basicConstraints=critical,CA:TRUE
subjectAltName=DNS:elsewhere.example.com"
rm authority-key.pem
