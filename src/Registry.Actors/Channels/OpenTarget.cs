using Registry.Actors.Channels.Socks;

namespace Registry.Actors.Channels;

/// <summary>Where the connections go that the peer of a dialling end opens.</summary>
internal abstract class OpenTarget
{
    /// <summary>Reads what an OpenConnection carries besides its number.</summary>
    /// <returns>What is wrong, or null.</returns>
    public abstract string? Read(ReadOnlySpan<byte> open, out SocksTarget target);
}

/// <summary>A port forward's one target.</summary>
internal sealed class FixedTarget(SocksTarget fixedTarget) : OpenTarget
{
    public override string? Read(ReadOnlySpan<byte> open, out SocksTarget target)
    {
        target = fixedTarget;
        return open.IsEmpty ? null : "This end dials the target of its settings; an open cannot name another.";
    }
}

/// <summary>What each open names, as a SOCKS5 proxy's do.</summary>
internal sealed class RequestedTarget : OpenTarget
{
    public override string? Read(ReadOnlySpan<byte> open, out SocksTarget target) => SocksTarget.Read(open, out target);
}

/// <summary>The settings say all: where guacd is, and what it is told.</summary>
internal sealed class NoTarget : OpenTarget
{
    public override string? Read(ReadOnlySpan<byte> open, out SocksTarget target)
    {
        target = default;
        return open.IsEmpty ? null : "This end opens the session of its settings; an open cannot bring a target or credentials.";
    }
}
