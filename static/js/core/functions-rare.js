/** Functions few forms use: loaded when a definition needs them (see needsRare). */
export {};
