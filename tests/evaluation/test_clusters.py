"""Who is resampled together: speakers, sessions in which speakers share dialogues, or groups of speakers who meet."""

from conftest import utterance

from emospace.evaluation.clusters import clusters


def said(speaker: str, dialogue: str, session: str):
    return utterance(f"{dialogue}_{speaker}", speaker=speaker, dialogue=dialogue, session=session)


def test_speakers_who_talk_alone_are_clusters_even_where_they_share_a_session():
    found = clusters([said(s, f"clip {s}{k}", "1") for s in "ABC" for k in (0, 1)])
    assert (found.unit, found.count, found.member.tolist()) == ("speaker", 3, [0, 0, 1, 1, 2, 2])


def test_one_shared_dialogue_makes_a_cluster_of_the_whole_session():
    rows = [said("A", "d1", "1"), said("B", "d1", "1"), said("C", "alone", "1"), said("D", "d2", "2")]
    found = clusters([*rows, said("D", "d3", "2")])
    assert (found.count, found.member.tolist()) == (2, [0, 0, 0, 1, 1]) and found.unit == "session"


def test_dialogues_of_one_name_in_two_sessions_are_two_dialogues():
    assert clusters([said("A", "d1", "1"), said("B", "d1", "2")]).count == 2


def test_a_partner_who_is_never_tested_still_makes_the_session_one():
    rows = [said("A", "d1", "1"), said("B", "d2", "1")]
    assert clusters(rows).count == 2
    assert clusters(rows, [said("B", "d1", "1")]).count == 1
    assert clusters(rows, [said("C", "d1", "1"), said("C", "d2", "1")]).count == 1


def test_without_sessions_partners_are_joined_by_their_dialogues_alone():
    rows = [said("A", "d1", ""), said("B", "d1", ""), said("C", "d2", ""), said("D", "d2", "")]
    assert (clusters(rows).unit, clusters(rows).member.tolist()) == ("group", [0, 0, 1, 1])


def test_a_speaker_who_meets_everybody_makes_everything_one_cluster():
    rows = [said("host", f"d{k}", str(k)) for k in range(4)] + [said(f"guest {k}", f"d{k}", str(k)) for k in range(4)]
    assert (clusters(rows).count, clusters(rows).unit) == (1, "group")
