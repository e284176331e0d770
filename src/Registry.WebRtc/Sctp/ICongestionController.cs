namespace Registry.WebRtc.Sctp;

/// <summary>Decides how many bytes may be in flight. Times are in ticks.</summary>
internal interface ICongestionController
{
    /// <summary>The congestion window in bytes.</summary>
    long Window { get; }

    /// <summary>New data was acknowledged outside recovery while the window was what limited sending.</summary>
    void OnAcknowledged(long now, long bytes, long smoothedRtt);

    /// <summary>Loss was found by acknowledgements; called once per loss episode.</summary>
    void OnLoss(long now);

    /// <summary>The retransmission timer expired; called for the first expiration of an episode and for the repeated ones.</summary>
    void OnTimeout(long now, bool repeated);
}
