// Outlines of the world's land at 1:110 million: Natural Earth (public domain), by way of the npm package world-atlas (ISC).
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import topology from 'world-atlas/land-110m.json';

const atlas = topology as unknown as Topology<{ land: GeometryCollection }>;

/** Outer rings and holes alike, as [longitude, latitude]. */
export const rings = feature(atlas, atlas.objects.land).features.flatMap(({ geometry }) =>
  geometry.type === 'MultiPolygon' ? (geometry.coordinates.flat() as [number, number][][]) : [],
);
