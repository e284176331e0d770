using System.Net;
using Registry.Actors.Channels;

namespace Registry.Actors.Cluster.Membership;

/// <summary>How a log names whoever is refused at the cluster's port.</summary>
internal static class RefusedPeer
{
    /// <summary>The text of each such record.</summary>
    public const string Template = "Refused {Peer} at the cluster's port: {Why}";

    /// <summary>An address and port as the transport writes them, in the one spelling of the address.</summary>
    public static string NameOf(string peer) => IPEndPoint.TryParse(peer, out var endPoint) ? new IPEndPoint(TargetPolicy.Plain(endPoint.Address), endPoint.Port).ToString() : peer;
}
