"""The subscores written down plainly, one proposal and one step after another, with shapely: a twin for tests."""

import numpy as np
import shapely
from scipy.signal import savgol_filter
from shapely import LineString, Point, Polygon

from simscale_gym.scene import TrackType, Vehicle

VEHICLE = Vehicle()
AHEAD = VEHICLE.length / 2 - VEHICLE.rear_length
ROAD = ("ROADBLOCK", "INTERSECTION", "DRIVABLE_AREA", "CARPARK_AREA")


def box(x, y, heading, length, width):
    along, across = length / 2, width / 2
    cos, sin, cos_side, sin_side = (f(heading + a) for a in (0, np.pi / 2) for f in (np.cos, np.sin))
    return Polygon(
        [
            (x + (b * cos_side + a * cos), y + (b * sin_side + a * sin))
            for a, b in ((along, across), (-along, across), (-along, -across), (along, -across))
        ]
    )


class PlainScorer:
    """Answers about one proposal ``[T, 11]`` in a situation."""

    def __init__(self, situation, states):
        self.situation, self.states = situation, states
        self.layers = [
            (Polygon(ring), layer, token)
            for ring, layer, token in zip(
                situation.map.rings, situation.map.layers, situation.map.tokens, strict=True
            )
        ]
        self.line = LineString(np.asarray(situation.centerline)[:, :2])
        heading = states[:, 2]
        self.centers = states[:, :2] + AHEAD * np.stack([np.cos(heading), np.sin(heading)], 1)
        self.boxes = [
            box(*center, h, VEHICLE.length, VEHICLE.width)
            for center, h in zip(self.centers, heading, strict=True)
        ]
        self.multiple, self.off, self.oncoming, self.crossing = np.array(
            [self.area(k) for k in range(len(states))]
        ).T

    def inside(self, point, layer):
        return any(polygon.contains(Point(point)) for polygon, name, _ in self.layers if name == layer)

    def area(self, k):
        corners = [Point(c) for c in self.boxes[k].exterior.coords[:4]]
        lanes = [
            (sum(p.contains(c) for c in corners), p.contains(Point(self.centers[k])), token)
            for p, layer, token in self.layers
            if layer in ("LANE", "LANE_CONNECTOR")
        ]
        counts = [count for count, _, _ in lanes]
        multiple = sum(c > 0 for c in counts) > 1 and 4 not in counts
        off = not all(any(p.contains(c) for p, layer, _ in self.layers if layer in ROAD) for c in corners)
        oncoming = not any(center and token in self.situation.route_lane_ids for _, center, token in lanes)
        return multiple, off, oncoming, self.inside(self.centers[k], "INTERSECTION")

    def others(self, k):
        agents = self.situation.agents
        for n in range(len(agents)):
            if agents.valid[n, k]:
                first = agents.velocities[n, agents.valid[n].argmax()]
                mover = agents.types[n] in (TrackType.VEHICLE, TrackType.BICYCLE, TrackType.PEDESTRIAN)
                yield n, box(*agents.boxes[n, k]), mover, mover and np.hypot(*first) > 0.05

    def bearing(self, k, polygon):
        vector = np.array([polygon.centroid.x, polygon.centroid.y]) - self.states[k, :2]
        vector = vector / np.linalg.norm(vector)
        return np.arccos(np.dot(vector, [np.cos(self.states[k, 2]), np.sin(self.states[k, 2])]))

    def nc(self):
        score, when, ignored = 1.0, len(self.states), set()
        for k, state in enumerate(self.states):
            for n, polygon, mover, moving in self.others(k):
                if n in ignored or not polygon.intersects(self.boxes[k]):
                    continue
                corners = self.boxes[k].exterior.coords
                if np.hypot(state[3], state[4]) <= 0.05:
                    fault = False
                elif not moving:
                    fault = True
                elif self.bearing(k, polygon) > np.deg2rad(150):
                    fault = False
                elif LineString([corners[0], corners[3]]).intersects(polygon):
                    fault = True
                else:
                    fault = self.multiple[k] or self.off[k]
                if fault:
                    score, when = min(score, 0.0 if mover else 0.5), min(when, k)
                else:
                    ignored.add(n)
        return score, when

    def ttc(self):
        score, when, ignored = 1.0, len(self.states), set()
        for k in range(len(self.states) - 9):
            speed, heading = np.hypot(*self.states[k, 3:5]), self.states[k, 2]
            for offset in (0, 3, 6, 9):
                way = speed * offset * 0.1
                moved = shapely.transform(
                    self.boxes[k], lambda c, w=way, h=heading: c + w * np.array([np.cos(h), np.sin(h)])
                )
                for n, polygon, _, _ in self.others(k + offset):
                    if n in ignored or speed < 5e-3 or not polygon.intersects(moved):
                        continue
                    angle = self.bearing(k, polygon)
                    exposed = (
                        self.multiple[k] or self.off[k] or self.inside(self.states[k, :2], "INTERSECTION")
                    )
                    if angle < np.deg2rad(30) or (exposed and not angle > np.deg2rad(150)):
                        score, when = 0.0, min(when, k)
                    else:
                        ignored.add(n)
        return score, when

    def dac(self):
        return float(not self.off.any())

    def ddc(self):
        steps = np.r_[0.0, np.linalg.norm(np.diff(self.centers, axis=0), axis=1)]
        steps[~self.oncoming | self.crossing] = 0.0
        longest = max(steps[max(0, k - 10) : k + 1].sum() for k in range(len(steps)))
        return 1.0 if longest < 2.0 else 0.5 if longest < 6.0 else 0.0

    def tlc(self):
        for k, closed in enumerate(self.situation.red_lights):
            for polygon, layer, token in self.layers:
                red = layer.startswith("LANE") and token in closed and token in self.situation.route_lane_ids
                if red and polygon.intersects(self.boxes[k]):
                    return 0.0
        return 1.0

    def progress(self):
        start, end = (self.line.project(Point(self.centers[k])) for k in (0, -1))
        return max(0.0, end - start)

    def lk(self):
        count = 0
        for k, center in enumerate(self.centers):
            if self.crossing[k]:
                continue
            count = count + 1 if Point(center).distance(self.line) > 0.5 else 0
            if count >= 20:
                return 0.0
        return 1.0

    def comfort(self):
        states = np.concatenate([self.situation.history, self.states])
        ax, ay, rate, acc = states[:, 5], states[:, 6], states[:, 9], states[:, 10]

        def smooth(values, window, order, derivative=0):
            return np.round(savgol_filter(values, window, order, deriv=derivative, delta=0.1), 8)

        lengthwise = smooth(ax + AHEAD * (rate**2 + acc), 8, 2)
        heading = np.unwrap(states[:, 2])
        jerk = smooth(smooth(np.hypot(ax, ay), 8, 2), 15, 2, 1)
        return [
            bool((lengthwise > -4.05).all() and (lengthwise < 2.4).all()),
            bool((np.abs(smooth(ay, 8, 2)) < 4.89).all()),
            bool((np.abs(jerk) < 8.37).all()),
            bool((np.abs(smooth(lengthwise, 15, 2, 1)) < 4.13).all()),
            bool((np.abs(smooth(heading, 5, 3, 2)) < 1.93).all()),
            bool((np.abs(smooth(heading, 5, 2, 1)) < 0.95).all()),
        ]
