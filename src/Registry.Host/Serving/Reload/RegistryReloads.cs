using Akka.Actor;
using Akka.Event;
using Registry.Actors;
using Registry.Host.Cli;
using Registry.Messages;

namespace Registry.Host.Serving.Reload;

/// <summary>The limits of <c>registry.admission</c>. What an operator changed by <c>PUT /v1/capacity/limits</c> stays until the files say something new.</summary>
internal sealed class AdmissionReload(GatewayOptions started, ITubeRegistry registry) : IReloadable
{
    private static readonly string[] keys =
        ["registry.admission.max-concurrent-creates", "registry.admission.max-tubes", "registry.admission.max-tubes-per-owner", "registry.admission.max-waiting"];

    private RegistrySettings last = RegistrySettings.From(started.Registry.Configuration);

    public PreparedReload Prepare(GatewayOptions read)
    {
        var settings = RegistrySettings.From(read.Registry.Configuration);
        return new(keys, cancellationToken => ApplyAsync(settings, cancellationToken));
    }

    private async Task<string?> ApplyAsync(RegistrySettings settings, CancellationToken cancellationToken)
    {
        var change = new ChangeLimits
        {
            MaxConcurrentCreates = Changed(settings.MaxConcurrentCreates, last.MaxConcurrentCreates),
            MaxTubes = Changed(settings.MaxTubes, last.MaxTubes),
            MaxTubesPerOwner = Changed(settings.MaxTubesPerOwner, last.MaxTubesPerOwner),
            MaxWaiting = Changed(settings.MaxWaiting, last.MaxWaiting),
        };
        if (change != new ChangeLimits() && await registry.ChangeLimitsAsync(change, cancellationToken) is Refused refused)
            throw new CommandException(ExitCode.Failed, $"the limits were refused: {refused.Message}");
        last = settings;
        return string.IsNullOrEmpty(Environment.GetEnvironmentVariable(RegistrySettings.MaxConcurrentCreatesVariable))
            ? null
            : $"{RegistrySettings.MaxConcurrentCreatesVariable} is set and wins over registry.admission.max-concurrent-creates.";
    }

    private static int? Changed(int read, int last) => read == last ? null : read;
}

/// <summary>The rules of <c>registry.targets.allow</c>, and those of the command line with them.</summary>
internal sealed class TargetsReload(ActorSystem system) : IReloadable
{
    public PreparedReload Prepare(GatewayOptions read)
    {
        string[] rules = [.. RegistrySettings.From(read.Registry.Configuration).AllowTargets, .. read.Registry.AllowTargets];
        return PreparedReload.Of(["registry.targets.allow"], () =>
            $"{Amounts.Count(rules.Length, "target rule")} in force; {Amounts.Count(system.GetTubeTargets().Change(rules), "connection")} that they do not allow ended.");
    }
}

/// <summary>The limits of <c>registry.tube</c> on idleness, age and rate.</summary>
internal sealed class TubeLimitsReload(ActorSystem system) : IReloadable
{
    private static readonly string[] keys =
        ["registry.tube.idle-timeout", "registry.tube.max-age", "registry.tube.max-bytes-per-second", "registry.tube.max-owner-bytes-per-second"];

    public PreparedReload Prepare(GatewayOptions read)
    {
        var settings = RegistrySettings.From(read.Registry.Configuration);
        return PreparedReload.Of(keys, () =>
        {
            system.GetTubeLimits().Change(settings);
            return null;
        });
    }
}

/// <summary>The level of the log, also of what Akka filters at the source.</summary>
internal sealed class LogReload(LogThreshold threshold, ActorSystem system) : IReloadable
{
    public PreparedReload Prepare(GatewayOptions read) => PreparedReload.Of(["registry.telemetry.log.level"], () =>
    {
        threshold.Change(read.Log.Level);
        system.EventStream.SetLogLevel(Logging.LogLevelFor(RegistrySetup.AkkaLevel(threshold.Settings.LeastOfActors)));
        return null;
    });
}
