namespace Registry.Host.Cli;

/// <summary>Says that a gateway does not answer while the path of its tube may still carry data: a killed gateway is missed before its path is.</summary>
/// <param name="gateway">The gateway.</param>
/// <param name="say">Takes a line.</param>
/// <param name="time">The clock.</param>
internal sealed class SilentGateway(GatewayClient gateway, Action<string> say, TimeProvider time)
{
    /// <summary>How long it may give no answer before that is said; tries, of others too, come at 0.25 s, 0.75 s, 1.75 s, 3.75 s.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2.5);

    private long? since;
    private bool isAnswered; // by what has its place
    private bool isSaid;

    /// <summary>Takes what became of a try to read the tube's signals.</summary>
    /// <param name="from">The gateway that was asked.</param>
    /// <param name="failure">Why there are none; null when there are.</param>
    public void Tried(GatewayClient from, GatewayException? failure)
    {
        if (failure is null && from != gateway)
        {
            since = null; // It is asked no more: the tube has what it needs.
        }
        else if (from == gateway && failure is not { IsSilence: true })
        {
            if (isSaid)
                say($"the gateway {gateway.Gateway} answers again.");
            (since, isSaid) = (null, false);
        }
        else
        {
            if (from == gateway)
                (since, isAnswered) = (since ?? time.GetTimestamp(), failure is GatewayUnreachableException { IsAnswered: true });
            if (since is { } silent && time.GetElapsedTime(silent) >= Patience)
                SayOnce();
        }
    }

    // A load balancer may answer in its place, and so may what has taken its port.
    private void SayOnce()
    {
        if (isSaid)
            return;
        isSaid = true;
        say($"the gateway {gateway.Gateway} does not answer{(isAnswered ? " as one" : "")}; the tube stays while its path carries data.");
    }
}
