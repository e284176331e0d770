using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;

namespace Registry.WebRtc;

/// <summary>
/// Candidates of the peer with a name in place of the address (draft-ietf-mmusic-mdns-ice-candidates §3.2.1). A name of multicast DNS is resolved and the candidate
/// added when that is done; one that nobody answers for is left out, as are candidates with any other name: no other resolver is ever asked.
/// </summary>
internal sealed partial class PeerConnection
{
    private const int MaxNames = 16;

    private PendingNames names;

    /// <summary>What is being resolved for an agent.</summary>
    private struct PendingNames
    {
        public IceAgent? Agent;
        public int Asked;
        public int Pending;
        public bool EndAfterThem;
    }

    private bool TryResolve(IceCandidate candidate)
    {
        if (IsRelayOnly || !ice.CanUse(candidate) || factory.Names is not { } resolver || !MulticastDnsMessage.IsName(candidate.Address) || names.Asked == MaxNames)
            return false;
        names.Asked++;
        names.Pending++;
        _ = ResolveAsync(resolver, ice, candidate);
        return true;
    }

    private async Task ResolveAsync(MulticastDnsResolver resolver, IceAgent agent, IceCandidate candidate)
    {
        var address = await resolver.ResolveAsync(candidate.Address).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        lock (gate)
        {
            // Another agent has taken over: its own candidates are what counts.
            if (released || agent != ice)
                return;
            var now = Now;
            if (address is not null)
                agent.AddRemoteCandidate(now, candidate, address);
            if (--names.Pending == 0 && names.EndAfterThem)
                agent.EndOfRemoteCandidates(now);
            Advance(now);
        }
        Schedule();
    }
}
