#!/bin/sh
# Makes the certificates of this folder anew: an authority, a server and a client, for tests alone.
# They say who is who on loopback and protect nothing. Needs openssl.
set -eu
cd "$(dirname "$0")"
days=36500
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }
issue() { # name, subject, extensions
    key "$1-key.pem"
    openssl req -new -key "$1-key.pem" -subj "/CN=$2" |
        openssl x509 -req -CA authority.pem -CAkey authority-key.pem -days "$days" -out "$1.pem" \
            -set_serial "$3" -extfile /dev/fd/3 3<<EOF 2>/dev/null
$4
EOF
}
key authority-key.pem
openssl req -x509 -new -key authority-key.pem -subj "/CN=tests authority" -days "$days" -out authority.pem \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
# Registries of clouds are recognised by their names, so the tests have some.
clouds="DNS:123456789012.dkr.ecr.eu-west-1.amazonaws.com,DNS:mine.azurecr.io,DNS:europe-docker.pkg.dev"
issue server "tests server" 2 \
    "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:registry.example.com,$clouds
extendedKeyUsage=serverAuth"
issue client "tests client" 3 "extendedKeyUsage=clientAuth"
rm authority-key.pem
