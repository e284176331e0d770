using System.Net;
using System.Net.Sockets;

namespace Registry.Actors.Channels;

/// <summary>What forbids a dial.</summary>
internal enum TargetDenial
{
    /// <summary>No rule of <c>registry.targets.allow</c> matches.</summary>
    NoRule,
    /// <summary>A rule may allow the name, and none does at the addresses that it has.</summary>
    NoRuleForAddresses,
    /// <summary>The node's rules allow it, those of the conversation's settings do not.</summary>
    NarrowedAway,
    /// <summary>A link-local, multicast, metadata or otherwise special address, or one that holds such an address or a loopback one.</summary>
    NeverDialled,
    /// <summary>The gateway itself listens there.</summary>
    OwnPort,
}

/// <summary>How a denial is told.</summary>
internal static class TargetDenials
{
    /// <summary>A sentence for the peer and for people.</summary>
    public static string Tell(this TargetDenial denial, string host, int port)
    {
        var target = host.Contains(':', StringComparison.Ordinal) ? $"[{host}]:{port}" : $"{host}:{port}";
        return denial switch
        {
            TargetDenial.NoRuleForAddresses => $"No rule allows {target} at the addresses that the name has here. Loopback needs a rule that names it, such as \"127.0.0.1:{port}\".",
            TargetDenial.NarrowedAway => $"The conversation's own allowed_hosts and allowed_ports do not allow {target}.",
            TargetDenial.NeverDialled => $"{target} is never dialled: no rule allows link-local, multicast, metadata and other special addresses, nor what hides them or loopback.",
            TargetDenial.OwnPort => $"{target} is never dialled: the gateway itself listens there.",
            _ => $"No rule allows {target}. Add one to registry.targets.allow or by --allow, for example \"{target}\".",
        };
    }

    /// <summary>The same for what was found at the addresses of a host that a rule may allow: of a name, it is they that none allows.</summary>
    public static TargetDenial AtAddressesOf(this TargetDenial denial, string host) =>
        denial == TargetDenial.NoRule && !IPAddress.TryParse(host, out _) ? TargetDenial.NoRuleForAddresses : denial;

    /// <summary>The same in one word, for logs.</summary>
    public static string Name(this TargetDenial denial) => denial switch
    {
        TargetDenial.NarrowedAway => "conversation_rules",
        TargetDenial.NeverDialled => "special_address",
        TargetDenial.OwnPort => "own_port",
        _ => "no_rule",
    };
}

/// <summary>A dial that was denied or a connection that was ended because its target is denied now: what an audit needs, and no secret.</summary>
/// <param name="Origin">Whose it was.</param>
/// <param name="Host">The name or address that was asked for.</param>
/// <param name="Port">The port.</param>
/// <param name="Denial">What forbids it.</param>
/// <param name="WasOpen">Whether it was a connection that was up.</param>
internal readonly record struct DeniedDial(ConversationOrigin Origin, string Host, int Port, TargetDenial Denial, bool WasOpen)
{
    /// <summary>What the peer is told.</summary>
    public string Text => WasOpen ? $"The rules changed. {Denial.Tell(Host, Port)}" : Denial.Tell(Host, Port);
}

/// <summary>A connection that is up.</summary>
/// <param name="protocol">TCP or UDP.</param>
/// <param name="host">The name or address that was asked for.</param>
/// <param name="endPoint">The address that was dialled.</param>
/// <param name="deny">Ends it; must not block.</param>
internal sealed class DialledTarget(ProtocolType protocol, string host, IPEndPoint endPoint, Action<TargetDenial> deny)
{
    private int denied;

    public ProtocolType Protocol => protocol;
    public string Host => host;
    public IPEndPoint EndPoint => endPoint;

    /// <summary>Ends the connection, once.</summary>
    public void Deny(TargetDenial why)
    {
        if (Interlocked.Exchange(ref denied, 1) == 0)
            deny(why);
    }
}
