"""Clusters: speakers, sessions whose speakers share dialogues, or groups of speakers who meet across sessions."""

from conftest import utterance

from emospace.evaluation.clusters import clusters


def row(speaker: str, dialogue: str, session: str):
    return utterance(f"{dialogue}_{speaker}", speaker=speaker, dialogue=dialogue, session=session)


def test_speakers_without_partners_are_clusters_even_within_one_session():
    result = clusters([row(s, f"clip {s}{k}", "1") for s in "ABC" for k in (0, 1)])
    assert (result.unit, result.count, result.member.tolist()) == ("speaker", 3, [0, 0, 1, 1, 2, 2])


def test_one_shared_dialogue_joins_the_whole_session():
    rows = [row("A", "d1", "1"), row("B", "d1", "1"), row("C", "alone", "1"), row("D", "d2", "2")]
    result = clusters([*rows, row("D", "d3", "2")])
    assert (result.count, result.member.tolist()) == (2, [0, 0, 0, 1, 1]) and result.unit == "session"


def test_the_same_dialogue_name_in_two_sessions_means_two_dialogues():
    assert clusters([row("A", "d1", "1"), row("B", "d1", "2")]).count == 2


def test_an_untested_partner_joins_the_session_too():
    rows = [row("A", "d1", "1"), row("B", "d2", "1")]
    assert clusters(rows).count == 2
    assert clusters(rows, [row("B", "d1", "1")]).count == 1
    assert clusters(rows, [row("C", "d1", "1"), row("C", "d2", "1")]).count == 1


def test_without_sessions_only_dialogues_join_speakers():
    rows = [row("A", "d1", ""), row("B", "d1", ""), row("C", "d2", ""), row("D", "d2", "")]
    assert (clusters(rows).unit, clusters(rows).member.tolist()) == ("group", [0, 0, 1, 1])


def test_a_speaker_who_meets_all_others_joins_them_into_one_cluster():
    rows = [row("host", f"d{k}", str(k)) for k in range(4)] + [row(f"guest {k}", f"d{k}", str(k)) for k in range(4)]
    assert (clusters(rows).count, clusters(rows).unit) == (1, "group")
