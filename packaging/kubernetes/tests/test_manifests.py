"""Manifests, against the schemas of Kubernetes and of Agones, and against the programs' options.

NETCODE_BINARIES names the folder of the programs.
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

import jsonschema
import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).parent
FOLDER = HERE.parent
KUBERNETES = "1.33"
# Program of each image.
PROGRAMS = {
    "netcode-agones": "netcode",
    "netcode-bridge": "netcode-bridge",
    "netcode-matchmaker": "matchmaker",
}


def resources(kind=None):
    """All resources with the names of their files."""
    for file in sorted(FOLDER.glob("*.yaml")):
        for resource in yaml.safe_load_all(file.read_text()):
            if kind in (None, resource["kind"]):
                yield file.name, resource


def one(kind, name):
    return next(it for _, it in resources(kind) if it["metadata"]["name"] == name)


def is_agones(resource):
    return resource["apiVersion"].split("/")[0].endswith("agones.dev")


def pods():
    """Pod templates."""
    for file, resource in resources():
        spec = resource.get("spec", {})
        template = spec.get("template")
        if resource["kind"] == "Fleet":
            template = template["spec"]["template"]
        if template is not None:
            yield file, template["spec"]


def containers(image=None):
    for file, pod in pods():
        for container in pod["containers"]:
            if image in (None, container["image"]):
                yield file, container


class Manifests(unittest.TestCase):
    def some(self, of):
        """The same, which is not nothing."""
        found = list(of)
        self.assertNotEqual(found, [])
        return found

    def test_kubernetes_accepts_them(self):
        for file, resource in self.some(resources()):
            if is_agones(resource) or resource["kind"] == "Kustomization":
                continue
            with self.subTest(file=file, kind=resource["kind"]):
                kubernetes_validate.validate(resource, KUBERNETES, strict=True)

    def test_agones_accepts_them(self):
        schema = yaml.safe_load((HERE / "agones.schema.yaml").read_text())
        validator = jsonschema.Draft202012Validator(schema)
        for file, resource in self.some(it for it in resources() if is_agones(it[1])):
            with self.subTest(file=file, kind=resource["kind"]):
                error = jsonschema.exceptions.best_match(validator.iter_errors(resource))
                self.assertIsNone(error)
        for file, pod in self.some(pods()):
            with self.subTest(file=file):
                named = {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": "pod"},
                    "spec": pod,
                }
                kubernetes_validate.validate(named, KUBERNETES, strict=True)

    def test_all_of_them_are_applied(self):
        listed = set(one_document("kustomization.yaml")["resources"])
        # An allocation is created, not applied.
        others = {"kustomization.yaml", "allocation.yaml"}
        self.assertEqual(listed, {it.name for it in FOLDER.glob("*.yaml")} - others)

    def test_every_image_has_a_registry(self):
        images = {it["name"] for it in one_document("kustomization.yaml")["images"]}
        self.assertEqual(images, set(PROGRAMS))
        for file, container in self.some(containers()):
            image = container["image"]
            self.assertTrue(image in images or "/" in image, f"{file}: {image}")

    def test_every_container_is_confined(self):
        for file, pod in self.some(pods()):
            with self.subTest(file=file):
                context = pod["securityContext"]
                self.assertTrue(context["runAsNonRoot"])
                self.assertGreater(context["runAsUser"], 0)
                self.assertEqual(context["seccompProfile"]["type"], "RuntimeDefault")
        confined = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for file, container in self.some(containers()):
            with self.subTest(file=file):
                self.assertEqual(container["securityContext"], confined)
                self.assertIn("memory", container["resources"]["limits"])
                self.assertIn("cpu", container["resources"]["requests"])

    def test_no_secret_is_in_them(self):
        for file, resource in resources():
            self.assertNotEqual(resource["kind"], "Secret", file)
            self.assertIsNone(re.search(r"\b[0-9a-f]{64}\b|nck_\w+", str(resource)), file)

    def test_the_programs_know_their_options(self):
        for image, program in PROGRAMS.items():
            for _, container in self.some(containers(image)):
                words = container["args"]
                if "--" in words:
                    # The words of agones.py; those of the server follow.
                    at = words.index("--")
                    self.accepts([sys.executable, "-B", str(FOLDER / "agones.py"), *words[:at]])
                    self.assertEqual(words[at + 1], "netcode")
                    words = words[at + 2 :]
                self.accepts([f"{os.environ['NETCODE_BINARIES']}/{program}", *words])

    def accepts(self, command):
        # Words before --help are parsed, values included.
        done = subprocess.run([*command, "--help"], check=False, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_probes_and_services_name_ports_of_their_containers(self):
        ports = {}
        for file, container in self.some(containers()):
            listed = container["ports"]
            ports[container["name"]] = {it["name"]: it.get("protocol", "TCP") for it in listed}
            for probe in ("readinessProbe", "livenessProbe"):
                action = container.get(probe, {})
                action = action.get("httpGet") or action.get("tcpSocket")
                if action is not None:
                    self.assertIn(action["port"], ports[container["name"]], file)
        for file, service in self.some(resources("Service")):
            of_app = ports[service["spec"]["selector"]["app"]]
            for port in service["spec"]["ports"]:
                self.assertEqual(port.get("protocol", "TCP"), of_app[port["targetPort"]], file)

    def test_the_times_and_counts_of_a_game_server_agree(self):
        fleet = one("Fleet", "arena")["spec"]["template"]["spec"]
        pod = fleet["template"]["spec"]
        server = options(pod["containers"][0])
        matchmaker = options(next(c for _, c in containers("netcode-matchmaker")))
        lifetime = int(matchmaker["token-lifetime"])
        self.assertGreaterEqual(int(server["max-token-lifetime"]), lifetime)
        self.assertGreaterEqual(int(server["hold"]), lifetime + 10)
        self.assertGreater(pod["terminationGracePeriodSeconds"], int(server["drain"]))
        capacity = fleet["counters"][server["counter"]]["capacity"]
        self.assertEqual(capacity, int(server["max-clients"]))
        self.assertEqual(server["protocol-id"], matchmaker["protocol-id"])
        self.assertEqual(server["counter"], matchmaker["agones-counter"])
        self.assertEqual(server["port"], matchmaker["agones-port"])
        self.assertEqual(server["port"], fleet["ports"][0]["name"])
        self.assertTrue(server["bind"].endswith(f":{fleet['ports'][0]['containerPort']}"))


def one_document(name):
    return yaml.safe_load((FOLDER / name).read_text())


def options(container):
    """Options with values, without their hyphens."""
    words = (it.removeprefix("--").split("=", 1) for it in container["args"] if "=" in it)
    return dict(words)


if __name__ == "__main__":
    unittest.main()
