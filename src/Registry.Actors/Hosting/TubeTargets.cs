using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Registry.Actors.Channels;
using Registry.Actors.Hosting;

namespace Registry.Actors;

/// <summary>What this node's conversations may dial, while it runs.</summary>
public sealed class TubeTargets
{
    private readonly TargetPolicy policy;

    internal TubeTargets(TargetPolicy policy) => this.policy = policy;

    /// <summary>
    /// Puts other rules in the place of all that <c>registry.targets.allow</c> and <see cref="TubeRegistryOptions.AllowTargets"/> said. They hold for
    /// every dial from now on; connections that they do not allow end with <see cref="Messages.CloseReason.ServerRefuse"/> and a line in the log.
    /// </summary>
    /// <param name="allow">Rules of the form <c>host-or-cidr:port[,port]</c>; none allows nothing.</param>
    /// <returns>How many connections ended.</returns>
    /// <exception cref="FormatException">A rule is malformed; the message quotes it, and nothing changed.</exception>
    public int Change(IEnumerable<string> allow)
    {
        ArgumentNullException.ThrowIfNull(allow);
        return policy.Change(allow);
    }

    /// <summary>Says why a target cannot be dialled as the rules are now.</summary>
    /// <param name="host">A name or an address.</param>
    /// <param name="port">The TCP port.</param>
    /// <returns>A sentence for people; null when a connection may be allowed, which for a name depends on its addresses.</returns>
    public string? WhyDenied(string host, int port)
    {
        ArgumentNullException.ThrowIfNull(host);
        return policy.Judge(host, port)?.Tell(host, port);
    }

    /// <summary>Never lets a conversation dial an address that the application itself listens on, whatever the rules say.</summary>
    /// <param name="protocol">TCP or UDP.</param>
    /// <param name="endPoint">The address; <c>0.0.0.0</c> or <c>::</c> for all of the machine.</param>
    public void NeverDial(ProtocolType protocol, IPEndPoint endPoint)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        policy.NeverDial(protocol, endPoint);
    }
}

/// <summary>Finds the targets of an actor system's registry.</summary>
public static class TubeTargetsExtensions
{
    /// <summary>What the conversations of this node may dial.</summary>
    public static TubeTargets GetTubeTargets(this ActorSystem system) => new(TubeRegistryNode.Get(system).Targets);
}
