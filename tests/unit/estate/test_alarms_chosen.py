"""Which alarms are meant: none is dropped without a word, and none of those that AWS keeps itself is taken along."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.monitoring import read_alarms


class Alarms:
    """CloudWatch with these alarms: metric ones by name, composite ones by their rules."""

    def __init__(self, metric: list[str], composite: dict[str, str], **more: Any) -> None:
        self.metric, self.composite, self.more = metric, composite, more

    def describe_alarms(self, **_: Any) -> dict[str, Any]:
        composites = [{"AlarmName": n, "AlarmRule": rule, **self.more.get(n, {})} for n, rule in self.composite.items()]
        metrics = [{"AlarmName": n, "MetricName": "m", **self.more.get(n, {})} for n in self.metric]
        return {"MetricAlarms": metrics, "CompositeAlarms": composites}

    def list_tags_for_resource(self, **_: Any) -> dict[str, Any]:
        return {"Tags": []}


def chosen(alarms: Alarms, *wanted: str, grows: bool = True) -> tuple[list[str], dict[str, str]]:
    found, left = read_alarms(ServiceReader("source", alarms), lambda name, _: name in wanted, grows=grows)
    return [alarm.name for alarm in found], {each.what: each.why for each in left}


def test_a_composite_alarm_of_chosen_ones_is_chosen_and_one_of_some_of_them_is_named() -> None:
    alarms = Alarms(
        ["a", "b", "z"], {"both": "ALARM(a) AND ALARM(b)", "of both": 'OK("both")', "some": "ALARM(a) OR ALARM(z)"}
    )
    found, left = chosen(alarms, "a", "b")
    assert found == ["a", "b", "both", "of both"]
    assert list(left) == ["composite alarm some"]
    assert "surroundings.alarms" in left["composite alarm some"]


def test_a_composite_alarm_that_is_meant_brings_what_it_names() -> None:
    alarms = Alarms(
        ["a", "b"],
        {"any": "ALARM(a)", "top": 'ALARM("any")'},
        top={"ActionsSuppressor": "arn:aws:cloudwatch:r:1:alarm:b"},
    )
    assert chosen(alarms, "top") == (["a", "any", "b", "top"], {})


def test_what_names_an_alarm_that_is_not_there_or_itself_is_left_out_and_named() -> None:
    alarms = Alarms(
        ["a"], {"gone": "ALARM(a) OR ALARM(nobody)", "one": "ALARM(two)", "two": "ALARM(one)", "on": "OK(gone)"}
    )
    found, left = chosen(alarms, "gone", "one", "a", "on")
    assert found == ["a"]
    assert {what: "not there" in why or "circle" in why for what, why in left.items()} == {
        f"composite alarm {name}": True for name in ("gone", "on", "one", "two")
    }


def test_in_the_target_they_are_read_by_name_alone_whatever_they_name() -> None:
    alarms = Alarms(["a"], {"any": "ALARM(somebody)"})
    assert chosen(alarms, "any", grows=False) == (["any"], {})


def test_an_alarm_of_auto_scaling_is_not_carried_and_named() -> None:
    name = "TargetTracking-table/orders-AlarmHigh-1"
    action = "arn:aws:autoscaling:us-east-1:111122223333:scalingPolicy:1:resource/dynamodb/table/orders:policyName/p"
    alarms = Alarms(["a", name, "TargetTracking-mine"], {}, **{name: {"AlarmActions": [action]}})
    found, left = chosen(alarms, "a", name, "TargetTracking-mine")
    assert found == ["TargetTracking-mine", "a"]
    assert list(left) == [f"alarm {name}"]
    assert chosen(alarms, "a")[1] == {}
