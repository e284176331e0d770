using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>Makes and applies a tube's descriptions and candidates. Runs outside the actor.</summary>
internal static class TubeNegotiation
{
    /// <summary>Makes a tube's first description.</summary>
    /// <param name="connection">The new peer connection.</param>
    /// <param name="remoteOffer">The peer's offer as SDP, or null to make one.</param>
    /// <param name="trickle">Whether candidates may follow later.</param>
    /// <param name="cancellationToken">The tube's end.</param>
    /// <returns><see cref="Negotiated"/> or <see cref="NegotiationFailed"/>.</returns>
    public static async Task<TubeMessage> RunAsync(IPeerConnection connection, string? remoteOffer, bool trickle, CancellationToken cancellationToken)
    {
        if (remoteOffer is not null && await ApplyAsync(connection, new(SdpType.Offer, remoteOffer), "offer", cancellationToken) is { } refused)
            return new NegotiationFailed(refused);
        return new Negotiated(await DescribeAsync(connection, remoteOffer is null ? SdpType.Offer : SdpType.Answer, trickle, cancellationToken));
    }

    /// <summary>Restarts ICE.</summary>
    /// <returns>The offer.</returns>
    public static Task<string> RestartAsync(IPeerConnection connection, bool trickle, CancellationToken cancellationToken)
    {
        connection.RestartIce();
        return DescribeAsync(connection, SdpType.Offer, trickle, cancellationToken);
    }

    /// <summary>Takes a further offer of the peer, with which it restarts ICE.</summary>
    /// <returns><see cref="DescriptionMade"/> with the answer, or <see cref="Refused"/>.</returns>
    public static async Task<RegistryReply> AnswerAsync(IPeerConnection connection, TubeId tube, string offer, bool trickle, CancellationToken cancellationToken)
    {
        if (await ApplyAsync(connection, new(SdpType.Offer, offer), "sdp", cancellationToken) is { } refused)
            return refused;
        return new DescriptionMade(tube, DescriptionType.Answer, SdpText.Encode(await DescribeAsync(connection, SdpType.Answer, trickle, cancellationToken)));
    }

    /// <summary>Makes and sets the local description; without trickle it comes with every candidate.</summary>
    private static async Task<string> DescribeAsync(IPeerConnection connection, SdpType type, bool trickle, CancellationToken cancellationToken)
    {
        var gathered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnGathering(IceGatheringState state)
        {
            if (state == IceGatheringState.Complete)
                gathered.TrySetResult();
        }

        connection.IceGatheringStateChanged += OnGathering;
        try
        {
            var local = type == SdpType.Offer
                ? await connection.CreateOfferAsync(cancellationToken)
                : await connection.CreateAnswerAsync(cancellationToken);
            await connection.SetLocalDescriptionAsync(local, cancellationToken);
            OnGathering(connection.IceGatheringState);
            if (!trickle)
                await gathered.Task.WaitAsync(cancellationToken);
            return connection.LocalDescription?.Sdp ?? local.Sdp;
        }
        finally
        {
            connection.IceGatheringStateChanged -= OnGathering;
        }
    }

    /// <summary>Applies the peer's description, or says what is wrong with it.</summary>
    public static async Task<Refused?> ApplyAsync(IPeerConnection connection, SessionDescription description, string field, CancellationToken cancellationToken)
    {
        try
        {
            await connection.SetRemoteDescriptionAsync(description, cancellationToken);
            return null;
        }
        catch (FormatException e)
        {
            return new(RefusalCode.InvalidSdp, $"{field}: {e.Message}") { Key = field };
        }
        catch (InvalidOperationException e)
        {
            return new(RefusalCode.InvalidSdp, $"{field} does not fit here: {e.Message}") { Key = field };
        }
    }

    /// <summary>Adds the peer's candidates in order, or says which one is wrong. Null is the end of candidates.</summary>
    public static async Task<Refused?> AddAsync(IPeerConnection connection, IReadOnlyList<IceCandidate?> candidates, CancellationToken cancellationToken)
    {
        for (var i = 0; i < candidates.Count; i++)
        {
            try
            {
                await connection.AddIceCandidateAsync(candidates[i], cancellationToken);
            }
            catch (InvalidOperationException e)
            {
                return new(RefusalCode.InvalidCandidate, $"candidates[{i}]: {e.Message}") { Key = "candidates" };
            }
        }

        return null;
    }

    /// <summary>Reads candidate lines: all of them, or none when one is malformed.</summary>
    public static bool TryRead(IReadOnlyList<string> lines, out List<IceCandidate?> candidates, out Refused? refusal)
    {
        candidates = [];
        refusal = lines.Count > AddCandidates.MaxCandidates
            ? new(RefusalCode.InvalidCandidate, $"candidates has {lines.Count} lines; at most {AddCandidates.MaxCandidates} are taken at once.") { Key = "candidates" }
            : null;
        for (var i = 0; i < lines.Count && refusal is null; i++)
        {
            if (string.IsNullOrWhiteSpace(lines[i]))
                candidates.Add(null);
            else if (IceCandidate.TryParse(lines[i], out var candidate, out var error))
                candidates.Add(candidate);
            else
                refusal = new(RefusalCode.InvalidCandidate, $"candidates[{i}]: {error}.") { Key = "candidates" };
        }

        return refusal is null;
    }
}
