"""People from a pose network's maps: joints are peaks of heat maps, limbs are pairs along which a field points.

Cao, Simon, Wei, Sheikh 2017, "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", arXiv:1611.08050;
thresholds and the order of limbs are OpenPose's for its 18 points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from modules.imaging.control.poses import BODY_POINTS, LIMBS

HEAT_SIGMA, LEAST_HEAT = 3.0, 0.1
MOST_PEAKS = 64                  # of one joint, the strongest
LOOKED_AT = 10                   # points along a limb
LEAST_ALONG, LEAST_SHARE = 0.05, 0.8      # of the field along a limb, and of the points where it is more
FEWEST_JOINTS, LEAST_SURENESS = 4, 0.4    # of a person
# a limb beside those that are drawn: from a shoulder to an ear
ALL_LIMBS = (*LIMBS, (2, 16), (5, 17))
# the first of each limb's two channels in the fields
LIMB_CHANNELS = (12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26)


class Peak(NamedTuple):
    """A place that may be a joint, in pixels."""

    x: int
    y: int
    heat: float


class Connection(NamedTuple):
    """A limb between two peaks, by their numbers among those of its two joints."""

    first: int
    second: int
    score: float


@dataclass
class FoundPerson:
    """The peaks' numbers of the joints that belong together, and how sure that is."""

    joints: dict[int, int] = field(default_factory=dict)
    score: float = 0.0

    def add(self, joint: int, number: int, score: float) -> None:
        self.joints[joint] = number
        self.score += score

    @property
    def clear(self) -> bool:
        return len(self.joints) >= FEWEST_JOINTS and self.score / len(self.joints) >= LEAST_SURENESS


def people_in(heat: np.ndarray, fields: np.ndarray) -> list[list[tuple[float, float] | None]]:
    """Return the 18 points of each person, None for those not seen.

    heat: (18 or more, H, W), a map of each joint; fields: (38, H, W), x and y of each limb's direction
    """
    peaks = [peaks_of(heat[joint]) for joint in range(BODY_POINTS)]
    people: list[FoundPerson] = []
    for number, (first, second) in enumerate(ALL_LIMBS):
        channel = LIMB_CHANNELS[number]
        for found in connections(peaks[first], peaks[second], fields[channel:channel + 2]):
            give_limb(people, (first, second), found, peaks, begins=number < len(LIMBS))
    return [points_of_person(person, peaks) for person in people if person.clear]


def points_of_person(person: FoundPerson, peaks: Sequence[Sequence[Peak]]) -> list[tuple[float, float] | None]:
    found = [peaks[joint][person.joints[joint]] if joint in person.joints else None for joint in range(BODY_POINTS)]
    return [each and (float(each.x), float(each.y)) for each in found]


def peaks_of(heat: np.ndarray) -> list[Peak]:
    """Return the places of a joint's map (H, W) that are warmer than around them."""
    from scipy.ndimage import gaussian_filter  # slow to import

    smooth = gaussian_filter(heat, HEAT_SIGMA)
    around = np.pad(smooth, 1)
    best = smooth > LEAST_HEAT
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        best &= smooth >= around[row:row + heat.shape[0], column:column + heat.shape[1]]
    rows, columns = np.nonzero(best)
    strongest = np.argsort(-heat[rows, columns], kind="stable")[:MOST_PEAKS]
    return [Peak(int(columns[each]), int(rows[each]), float(heat[rows[each], columns[each]])) for each in strongest]


def connections(first: Sequence[Peak], second: Sequence[Peak], along: np.ndarray) -> list[Connection]:
    """Return the limbs between two joints' peaks, the surest first; each peak has one at most.

    along: (2, H, W), the limb's direction
    """
    if not first or not second:
        return []
    starts, ends = (np.array([each[:2] for each in peaks], np.float64) for peaks in (first, second))
    ways = ends[None] - starts[:, None]
    lengths = np.maximum(np.hypot(ways[..., 0], ways[..., 1]), 0.001)
    shares = np.linspace(0, 1, LOOKED_AT)[:, None]
    places = np.rint(starts[:, None, None] + shares * ways[:, :, None]).astype(int)
    seen = along[:, places[..., 1], places[..., 0]]
    scores = (seen * np.moveaxis(ways / lengths[..., None], -1, 0)[..., None]).sum(0)
    mean = scores.mean(-1) + np.minimum(0.5 * along.shape[1] / lengths - 1, 0)
    fits = ((scores > LEAST_ALONG).sum(-1) > LEAST_SHARE * LOOKED_AT) & (mean > 0)
    found: list[Connection] = []
    for place in np.argsort(-mean, axis=None, kind="stable"):
        one, other = divmod(int(place), len(second))
        if fits[one, other] and all(one != each.first and other != each.second for each in found):
            found.append(Connection(one, other, float(mean[one, other])))
    return found


def give_limb(
    people: list[FoundPerson], limb: tuple[int, int], found: Connection, peaks: Sequence[Sequence[Peak]], begins: bool
) -> None:
    """Give a limb to the person who has one of its joints, join two who have one each, or begin a person with it."""
    first, second = limb
    own = [
        person for person in people
        if person.joints.get(first) == found.first or person.joints.get(second) == found.second
    ]
    heat = peaks[second][found.second].heat
    if len(own) > 1 and not own[0].joints.keys() & own[1].joints.keys():
        own[0].joints |= own[1].joints
        own[0].score += own[1].score + found.score
        people.remove(own[1])
    elif own:
        if own[0].joints.get(second) != found.second:
            own[0].add(second, found.second, heat + found.score)
    elif begins:
        person = FoundPerson()
        person.add(first, found.first, peaks[first][found.first].heat)
        person.add(second, found.second, heat + found.score)
        people.append(person)
