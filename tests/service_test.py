"""Running unattended: holdfast run, schedule and notify, with the built program.

Servers are those of sinks.py, on loopback. No test waits for a clock: what should look old is written into the state.
"""

import json
import os
import subprocess
import time

import holdfast
import sinks
from holdfast import DONE, FAILED, REFUSED, UNREADABLE, USAGE


class ServiceCase(holdfast.Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.write("docs/letter.txt", "hello\n")
        self.write("photos/one.jpg", "picture\n")
        self.state = self.path("home/.local/state/holdfast")

    def config(self, text):
        self.write("home/.config/holdfast/holdfast.toml", text)

    def source(self, name="docs", **keys):
        """One [source.NAME] table; keys with _ for -."""
        keys.setdefault("paths", [self.path(name)])
        return f"[source.{name}]\n" + "".join(f"{k.replace('_', '-')} = {json.dumps(v)}\n" for k, v in keys.items())

    def state_file(self, name="docs"):
        return os.path.join(self.state, f"source-{name}.json")

    def change_state(self, name="docs", **values):
        with open(self.state_file(name)) as f:
            state = json.load(f)
        state.update(values)
        with open(self.state_file(name), "w") as f:
            json.dump(state, f)

    def http(self, **more):
        sink = sinks.Http(**more)
        self.addCleanup(sink.close)
        return sink

    def smtp(self, **more):
        sink = sinks.Smtp(**more)
        self.addCleanup(sink.close)
        return sink

    def sources(self, *arguments, **more):
        """The reports of a run, by name."""
        return {s["name"]: s for s in self.ask("run", *arguments, **more)["sources"]}

    def wait_for(self, path):
        for _ in range(6000):
            if os.path.exists(path):
                return
            time.sleep(0.01)
        self.fail(f"{path} did not appear")


class Run(ServiceCase):
    def test_what_is_due_is_backed_up_once(self):
        self.config(self.source("docs", schedule="daily") + self.source("photos", schedule="daily") + self.source("other", paths=[self.path("docs")]))
        first = self.sources()
        self.assertEqual({n: (s["action"], s["outcome"]) for n, s in first.items()},
                         {"docs": ("ran", "done"), "photos": ("ran", "done"), "other": ("skipped", None)})
        self.assertIsNotNone(first["docs"]["next_due"])
        self.assertEqual({s["action"] for s in self.sources().values()}, {"skipped"})
        points = self.points()
        self.assertEqual(len(points), 2)
        self.assertEqual(sorted(t for p in points for t in p["tags"]), ["source:docs", "source:photos"])

    def test_what_was_slept_through_is_made_up_for_once(self):
        self.config(self.source(schedule="daily"))
        self.run_it("run")
        self.change_state(started_ns=1_700_000_000 * 10**9)
        self.assertEqual(self.sources()["docs"]["action"], "ran")
        self.assertEqual(self.sources()["docs"]["action"], "skipped")

    def test_a_person_may_ask_at_any_time(self):
        self.config(self.source() + self.source("photos", schedule="daily"))
        self.assertEqual(self.sources("--source", "docs")["docs"]["action"], "skipped")
        asked = self.sources("--source", "docs", "--now")
        self.assertEqual((list(asked), asked["docs"]["outcome"]), (["docs"], "done"))
        ran = self.run_it("run", "--source", "dosc", expect=USAGE)
        self.assertIn("docs and photos", ran.messages)

    def test_dry_run_changes_nothing(self):
        self.config(self.source(schedule="daily"))
        self.assertEqual(self.sources("--dry-run")["docs"]["action"], "would-run")
        self.assertEqual(self.points(), [])
        self.assertFalse(os.path.exists(self.state))

    def test_damaged_state_is_never_a_reason_not_to_back_up(self):
        self.config(self.source(schedule="daily"))
        self.run_it("run")
        for damage in (b"", b"{", b"\xff\x00", b'{"version": 1}', b"[" * 100_000):
            with open(self.state_file(), "wb") as f:
                f.write(damage)
            report = self.sources()["docs"]
            self.assertEqual((report["action"], report["outcome"]), ("ran", "done"), damage[:20])
        os.unlink(self.state_file())
        os.mkdir(self.state_file())
        self.assertEqual(self.sources()["docs"]["outcome"], "done")

    def test_where_nothing_can_be_remembered_backups_are_made(self):
        self.config(self.source(schedule="daily"))
        self.write("file", "")
        ran = self.run_it("run", env={"XDG_STATE_HOME": self.path("file")})
        self.assertIn("can't be remembered", ran.messages)
        self.assertEqual(len(self.points()), 1)

    def test_a_source_that_is_gone_fails_alone(self):
        self.config(self.source("docs", schedule="daily", paths=[self.path("gone")]) + self.source("photos", schedule="daily"))
        reports = self.sources(expect=FAILED)
        self.assertEqual({n: s["outcome"] for n, s in reports.items()}, {"docs": "failed", "photos": "done"})
        self.assertEqual(reports["docs"]["error"]["code"], "not_found")
        os.mkdir(self.path("gone"))
        reports = self.sources()  # what failed is tried again at once
        self.assertEqual({n: s["action"] for n, s in reports.items()}, {"docs": "ran", "photos": "skipped"})

    def test_a_schedule_with_a_mistake_backs_up_and_says_so(self):
        self.config(self.source(schedule="dayly"))
        report = self.sources(expect=USAGE)["docs"]
        self.assertEqual(len(self.points()), 1)
        self.assertEqual(report["outcome"], "done")
        self.assertIn("dayly", report["error"]["message"])

    def test_kinds_and_keep_rules_of_the_policy_are_followed(self):
        self.folder("docs")
        self.write("docs/file", "0")
        self.config(self.source(full_every="year", keep_last=2, grace="1s"))
        reports = []
        for i in range(4):
            self.write("docs/file", str(i))
            reports.append(self.sources("--now")["docs"])
        self.assertEqual([r["backup"]["kind"] for r in reports], ["full"] + ["incremental"] * 3)
        self.assertEqual([len(r["forgotten"]) for r in reports], [0, 0, 1, 1])
        self.assertEqual(len(self.ask("points")), 2)
        self.assertEqual(reports[2]["forgotten"], [reports[0]["backup"]["point"]])
        # A second later their grace has passed, and the next run gives the space back.
        time.sleep(1.1)
        self.assertEqual(self.ask("run", "--now")["prune"]["points_removed"], 2)
        self.assertEqual(self.ask("run", "--now")["prune"], None)
        self.config(self.source(keep_last=1, forget=False))
        self.assertEqual(self.sources("--now")["docs"]["forgotten"], [])

    def test_rates_are_kept(self):
        self.write("docs/file", os.urandom(300_000))
        self.config(self.source(read_rate="200K"))
        begin = time.monotonic()
        self.assertEqual(self.sources("--now")["docs"]["outcome"], "done")
        self.assertGreater(time.monotonic() - begin, 0.9)  # at most half a second's worth at once
        self.write("docs/file", os.urandom(300_000))
        self.config(self.source(write_rate="200K"))
        begin = time.monotonic()
        self.assertEqual(self.sources("--now")["docs"]["outcome"], "done")
        self.assertGreater(time.monotonic() - begin, 0.9)

    def test_unreadable_items_are_status_3(self):
        self.as_ordinary_user()
        self.init()
        self.write("docs/closed", "x")
        os.chmod(self.path("docs/closed"), 0)
        self.config(self.source(schedule="daily"))
        for folder in ("home", "home/.config", "home/.config/holdfast"):
            os.chown(self.path(folder), os.stat(self.home).st_uid, -1)
        report = self.sources(expect=UNREADABLE)["docs"]
        self.assertEqual(report["outcome"], "incomplete")

    def test_no_policy_says_how_to_write_one(self):
        self.assertIn("[source.home]", self.run_it("run", expect=USAGE).messages)


class TwoAtOnce(ServiceCase):
    def begin(self):
        """A run that waits in its hook until the file `go` is there."""
        self.config(self.source(schedule="daily", before=f"touch {self.path('begun')}; while [ ! -e {self.path('go')} ]; do sleep 0.05; done"))
        process = self.start("run", "--json")
        self.wait_for(self.path("begun"))
        return process

    def test_the_second_leaves_the_source_out(self):
        process = self.begin()
        self.assertEqual(self.sources()["docs"]["action"], "busy")
        self.write("go", "")
        out, err = process.communicate(timeout=holdfast.SECONDS_MAX)
        self.assertEqual(process.returncode, DONE, err)
        self.assertEqual(json.loads(out)["sources"][0]["outcome"], "done")
        self.assertEqual(len(self.points()), 1)

    def test_a_lock_ends_with_its_process(self):
        process = self.begin()
        process.kill()
        process.wait()
        self.write("go", "")
        self.assertEqual(self.sources()["docs"]["outcome"], "done")


class Hooks(ServiceCase):
    def test_a_failed_before_hook_stops_the_backup_and_shows_its_output(self):
        self.config(self.source(schedule="daily", before="echo the database is down; exit 7", after="env | grep ^HOLDFAST_ | sort > after.txt"))
        ran = self.run_it("run", expect=REFUSED)
        self.assertIn("the before hook ended with status 7", ran.messages)
        self.assertIn("the database is down", ran.messages)
        self.assertEqual(self.points(), [])
        with open(self.path("after.txt")) as f:
            told = dict(line.rstrip("\n").split("=", 1) for line in f)
        self.assertEqual((told["HOLDFAST_OUTCOME"], told["HOLDFAST_STATUS"], told["HOLDFAST_SOURCE"], told["HOLDFAST_POINT"]), ("failed", "4", "docs", ""))

    def test_a_hook_that_hangs_is_ended(self):
        self.config(self.source(schedule="daily", before="echo waiting for the tape; sleep 1000", hook_timeout="1s"))
        ran = self.run_it("run", expect=REFUSED)
        self.assertIn("was not through within", ran.messages)
        self.assertIn("waiting for the tape", ran.messages)

    def test_the_after_hook_gets_the_outcome(self):
        self.config(self.source(schedule="daily", before=f"echo made by the hook > {self.path('docs/dump.sql')}", after='echo "$HOLDFAST_OUTCOME $HOLDFAST_STATUS $HOLDFAST_POINT" > after.txt'))
        point = self.sources()["docs"]["backup"]["point"]
        with open(self.path("after.txt")) as f:
            self.assertEqual(f.read(), f"done 0 {point}\n")
        restored = self.restore()
        self.assertTrue(any("dump.sql" in names for _, _, names in os.walk(restored)))

    def test_a_failed_after_hook_is_told_though_the_backup_is_made(self):
        self.config(self.source(schedule="daily", after="exit 9"))
        ran = self.run_it("run", expect=FAILED)
        self.assertIn("the backup itself is made", ran.messages)
        self.assertEqual(len(self.points()), 1)


class Notices(ServiceCase):
    def channel(self, **keys):
        return "[notify.ops]\n" + "".join(f"{k.replace('_', '-')} = {json.dumps(v)}\n" for k, v in keys.items())

    def test_a_failure_is_told_once_a_day_and_its_end_too(self):
        sink = self.http()
        self.config(self.source(schedule="daily", before="exit $(cat status)") + self.channel(webhook=f"http://127.0.0.1:{sink.port}/hook"))
        events = lambda: [json.loads(body)["event"] for _, _, _, body in sink.requests]
        self.write("status", "1")
        self.run_it("run", expect=REFUSED)
        self.run_it("run", expect=REFUSED)
        self.assertEqual(events(), ["failure"])
        self.change_state(failure_told_ns=1_700_000_000 * 10**9)
        self.run_it("run", expect=REFUSED)
        self.assertEqual(events(), ["failure", "failure"])
        self.write("status", "0")
        self.run_it("run")
        self.run_it("run", "--now")
        self.assertEqual(events(), ["failure", "failure", "recovered"])
        told = json.loads(sink.requests[0][3])
        self.assertEqual((told["source"], told["message"]), ("docs", "the before hook ended with status 1"))

    def test_a_missed_objective_is_told(self):
        sink = self.http()
        self.config(self.source(schedule="daily", rpo="26h") + self.channel(webhook=f"http://127.0.0.1:{sink.port}/hook"))
        self.run_it("run")
        self.assertEqual(self.sources("--check")["docs"]["late_seconds"], None)
        self.change_state(complete_ns=1_700_000_000 * 10**9, first_seen_ns=1)
        report = self.sources("--check", expect=FAILED)["docs"]
        self.assertGreater(report["late_seconds"], 26 * 3600)
        self.run_it("run", "--check", expect=FAILED)
        self.assertEqual([json.loads(b)["event"] for _, _, _, b in sink.requests], ["missed-rpo"])
        self.assertEqual(len(self.points()), 1)

    def test_each_template(self):
        sink = self.http()
        for template in ("slack", "discord", "teams", "ntfy", "json"):
            self.config(self.channel(webhook=f"http://127.0.0.1:{sink.port}/{template}", template=template))
            self.run_it("notify", "test", "--event", "failure")
        by_path = {path: (method, headers, body) for method, path, headers, body in sink.requests}
        self.assertIn("Backup of test", json.loads(by_path["/slack"][2])["text"])
        self.assertIn("Backup of test", json.loads(by_path["/discord"][2])["content"])
        card = json.loads(by_path["/teams"][2])["attachments"][0]["content"]
        self.assertEqual(card["type"], "AdaptiveCard")
        method, headers, body = by_path["/ntfy"]
        self.assertEqual((headers["priority"], headers["tags"]), ("high", "warning"))
        self.assertIn("asked for by holdfast notify test", body)
        self.assertEqual(json.loads(by_path["/json"][2])["event"], "failure")

    def test_healthchecks_is_pinged(self):
        sink = self.http()
        self.config(self.source(schedule="daily", before="exit $(cat status)") + self.channel(webhook=f"http://127.0.0.1:{sink.port}/uuid", template="healthchecks"))
        self.write("status", "0")
        self.run_it("run")
        self.write("status", "1")
        self.run_it("run", "--now", expect=REFUSED)
        self.assertEqual([(m, p) for m, p, _, _ in sink.requests], [("GET", "/uuid"), ("POST", "/uuid/fail")])

    def test_a_busy_server_is_tried_again_and_one_that_refuses_is_not(self):
        sink = self.http()
        self.config(self.channel(webhook=f"http://127.0.0.1:{sink.port}/x", tries=2))
        sink.answers = [503, 200]
        self.run_it("notify", "test")
        self.assertEqual(len(sink.requests), 2)
        sink.answers = [404, 200]
        ran = self.run_it("notify", "test", expect=REFUSED)
        self.assertIn("answered with status 404", ran.messages)
        sink.answers = [302, 200]
        self.run_it("notify", "test", expect=REFUSED)  # a redirection could carry the secret elsewhere
        self.assertEqual(len(sink.requests), 4)

    def test_a_server_that_hangs_holds_up_nothing_for_long(self):
        sink = self.http()
        sink.answers = ["hang"]
        self.config(self.source(schedule="daily") + self.channel(webhook=f"http://127.0.0.1:{sink.port}/x", on="success", timeout="1s", tries=1))
        report = self.sources()["docs"]
        self.assertEqual((report["outcome"], report["untold"]), ("done", ["ops"]))

    def test_certificates_are_verified(self):
        crt, tls = sinks.certificate(self.scratch)
        sink = self.http(tls=tls)
        keys = {"webhook": f"https://localhost:{sink.port}/secret-path", "tries": 1}
        self.config(self.channel(**keys))
        ran = self.run_it("notify", "test", expect=REFUSED)
        self.assertIn("not trusted", ran.messages)
        self.assertNotIn("secret-path", ran.messages + ran.text)
        self.config(self.channel(ca_file=crt, **keys))
        self.run_it("notify", "test")
        self.assertEqual(len(sink.requests), 1)

    def test_secrets_come_from_files_and_commands(self):
        sink = self.http()
        self.write("home/.config/holdfast/url", f"http://127.0.0.1:{sink.port}/from-file\n")
        self.config(self.channel(webhook_file="url", token_command="echo s3cret"))
        self.run_it("notify", "test")
        _, path, headers, _ = sink.requests[0]
        self.assertEqual((path, headers["authorization"]), ("/from-file", "Bearer s3cret"))

    def test_mail_by_starttls_with_a_password(self):
        crt, tls = sinks.certificate(self.scratch)
        sink = self.smtp(tls=tls, starttls=True, password="pa ss")
        self.write("password", "pa ss\n")
        keys = dict(smtp=f"smtp://localhost:{sink.port}", to=["anna@example.org", "ben@example.org"], user="hf", password_file=self.path("password"), ca_file=crt, tries=1)
        self.config(self.channel(**{"from": "holdfast@example.org", **keys}))
        self.run_it("notify", "test", "--event", "failure")
        self.assertEqual((sink.logins, sink.secure), ([("hf", "pa ss")], [True]))
        sender, recipients, text = sink.mails[0]
        self.assertEqual(recipients, ["anna@example.org", "ben@example.org"])
        self.assertIn("Subject: Backup of test on ", text)
        self.write("password", "wrong\n")
        ran = self.run_it("notify", "test", expect=REFUSED)
        self.assertIn("did not accept user and password", ran.messages)
        self.assertNotIn("wrong", ran.messages)

    def test_mail_to_this_machine_and_by_smtps(self):
        sink = self.smtp()
        self.config(self.channel(**{"smtp": f"smtp://127.0.0.1:{sink.port}", "from": "a@example.org", "to": "b@example.org"}))
        self.run_it("notify", "test")
        self.assertEqual(len(sink.mails), 1)
        crt, tls = sinks.certificate(self.scratch)
        sink = self.smtp(tls=tls)
        self.config(self.channel(**{"smtp": f"smtps://localhost:{sink.port}", "from": "a@example.org", "to": "b@example.org", "ca_file": crt}))
        self.run_it("notify", "test")
        self.assertEqual(sink.secure, [True])

    def test_a_command_is_told(self):
        self.config(self.source(schedule="daily") + self.channel(command='cat > told.json; echo "$HOLDFAST_EVENT $HOLDFAST_SOURCE" > told.txt', on="success"))
        self.run_it("run")
        with open(self.path("told.txt")) as f:
            self.assertEqual(f.read(), "success docs\n")
        with open(self.path("told.json")) as f:
            self.assertEqual(json.load(f)["event"], "success")


class Schedule(ServiceCase):
    def setUp(self):
        super().setUp()
        self.root = self.folder("root")
        self.units = os.path.join(self.root, "etc/systemd/system")

    def schedule(self, verb, *arguments, **more):
        return self.ask("schedule", verb, "--system", "--root", self.root, *arguments, **more)

    def names(self):
        return sorted(os.listdir(self.units)) if os.path.isdir(self.units) else []

    def test_dry_run_prints_and_writes_nothing(self):
        self.config(self.source(schedule=["daily", "Sat 12:00 Europe/Berlin"], jitter="10m"))
        ran = self.run_it("schedule", "install", "--dry-run", "--system", "--root", self.root)
        for part in ("OnCalendar=*-*-* 00:00:00", "OnCalendar=Sat *-*-* 12:00:00 Europe/Berlin", "Persistent=true", "RandomizedDelaySec=600s", 'run --source "docs"'):
            self.assertIn(part, ran.text)
        self.assertEqual(os.listdir(self.root), [])

    def test_install_status_remove(self):
        self.config(self.source(schedule="daily") + self.source("photos", schedule="weekly") + self.source("other"))
        self.schedule("install")
        wanted = [f"holdfast-{n}.{k}" for n in ("source-docs", "source-photos", "watch") for k in ("service", "timer")]
        self.assertEqual(self.names(), sorted(wanted))
        self.assertEqual(self.schedule("install")["written"], [])
        status = self.schedule("status")
        self.assertTrue(status["in_order"])
        self.assertEqual({s["name"]: s["timer"] for s in status["sources"]}, {"docs": "installed", "photos": "installed", "other": "no schedule"})
        self.config(self.source(schedule="hourly"))  # photos is gone, docs has changed
        self.assertFalse(self.schedule("status")["in_order"])
        again = self.schedule("install")
        self.assertEqual((again["written"], again["removed"]), (["holdfast-source-docs.timer"], ["holdfast-source-photos.service", "holdfast-source-photos.timer"]))
        self.schedule("remove")
        self.assertEqual(self.names(), [])

    def test_units_of_others_are_left_alone(self):
        self.config(self.source(schedule="daily"))
        self.write("root/etc/systemd/system/holdfast-source-docs.timer", "[Timer]\nOnCalendar=monthly\n")
        ran = self.run_it("schedule", "install", "--system", "--root", self.root, expect=FAILED)
        self.assertIn("was not written by Holdfast", ran.messages)
        self.assertEqual(self.names(), ["holdfast-source-docs.timer"])
        self.schedule("remove")
        self.assertEqual(self.names(), ["holdfast-source-docs.timer"])
        self.assertEqual({s["timer"] for s in self.schedule("status")["sources"]}, {"foreign"})

    def test_systemd_accepts_the_units(self):
        self.need_tool("systemd-analyze")
        self.config(self.source(schedule="daily", jitter="5m") + self.source("photos", schedule="Mon..Fri 22:30", before="true"))
        for kind in ("--system", "--user"):
            self.run_it("schedule", "install", kind, "--root", self.root)
            folder = self.units if kind == "--system" else os.path.join(self.root, self.home.lstrip("/"), ".config/systemd/user")
            units = [os.path.join(folder, n) for n in sorted(os.listdir(folder))]
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  env={**os.environ, "SYSTEMD_UNIT_PATH": folder + ":"})
            ours = [line for line in done.stderr.splitlines() if "holdfast" in line]
            self.assertEqual(ours, [], done.stderr)

    def test_the_command_of_a_unit_does_what_it_should(self):
        self.config(self.source(schedule="daily"))
        self.schedule("install")
        with open(os.path.join(self.units, "holdfast-source-docs.service")) as f:
            text = f.read()
        command = next(line for line in text.splitlines() if line.startswith("ExecStart=")).split("=", 1)[1]
        variables = [line.split("=", 1)[1].strip('"') for line in text.splitlines() if line.startswith("Environment=")]
        environment = {**dict(v.split("=", 1) for v in variables), "HOLDFAST_VAULT": self.vault, "HOLDFAST_KEY_FILE": self.key_file}
        done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, cwd="/")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.points()), 1)
        self.assertTrue(os.path.exists(self.state_file()))


if __name__ == "__main__":
    holdfast.main()
