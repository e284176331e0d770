using System.Collections.Frozen;

namespace Registry.Messages.Wire;

/// <summary>Pairs the members of a message's enum with those of the wire's by their names, so that the order of the former does not matter. The wire's 0 is for a value that is missing.</summary>
internal sealed class EnumPairs<TOwn, TWire>
    where TOwn : struct, Enum
    where TWire : struct, Enum
{
    private readonly FrozenDictionary<TOwn, TWire> wires = Enum.GetValues<TOwn>().ToFrozenDictionary(own => own, own => Enum.Parse<TWire>(own.ToString()));
    private readonly FrozenDictionary<TWire, TOwn> owns = Enum.GetValues<TOwn>().ToFrozenDictionary(own => Enum.Parse<TWire>(own.ToString()));

    public TWire Write(TOwn own) => wires.TryGetValue(own, out var wire) ? wire : throw new FormatException($"{own} is not a {typeof(TOwn).Name}.");

    public TOwn Read(TWire wire) => owns.TryGetValue(wire, out var own) ? own : throw Malformed(wire);

    /// <summary>Reads what a newer version may have added to.</summary>
    public TOwn Read(TWire wire, TOwn unknown) =>
        owns.TryGetValue(wire, out var own) ? own
        : EqualityComparer<TWire>.Default.Equals(wire, default) ? throw Malformed(wire)
        : unknown;

    private static FormatException Malformed(TWire wire) => new($"{wire} is not a {typeof(TOwn).Name} that this version knows.");
}
