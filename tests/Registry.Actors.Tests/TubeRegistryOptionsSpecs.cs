using Akka.Configuration;

namespace Registry.Actors.Tests;

public sealed class TubeRegistryOptionsSpecs
{
    private static readonly RegistrySettings Configured = RegistrySettings.From(Config.Empty);

    [Theory]
    [InlineData(nameof(TubeRegistryOptions.MaxConcurrentCreates))]
    [InlineData(nameof(TubeRegistryOptions.MaxTubes))]
    [InlineData(nameof(TubeRegistryOptions.MaxTubesPerOwner))]
    [InlineData(nameof(TubeRegistryOptions.MaxWaiting))]
    [InlineData(nameof(TubeRegistryOptions.MaxBytesPerSecond))]
    [InlineData(nameof(TubeRegistryOptions.MaxOwnerBytesPerSecond))]
    [InlineData(nameof(TubeRegistryOptions.IdleTimeout))]
    [InlineData(nameof(TubeRegistryOptions.MaxAge))]
    [InlineData(nameof(TubeRegistryOptions.IceCredentialsUrl))]
    public void An_option_out_of_range_is_named(string name)
    {
        var option = typeof(TubeRegistryOptions).GetProperty(name)!;
        var options = new TubeRegistryOptions();
        object wrong = Nullable.GetUnderlyingType(option.PropertyType) == typeof(int) ? -1
            : Nullable.GetUnderlyingType(option.PropertyType) == typeof(TimeSpan) ? TimeSpan.Zero
            : new Uri("ftp://turn.example");
        option.SetValue(options, wrong);

        Should.Throw<ArgumentException>(() => options.Apply(Configured)).ParamName.ShouldBe(name);
    }

    [Fact]
    public void A_stop_gives_tubes_the_time_of_the_option_or_none()
    {
        Applied(null).ShouldBe(Configured.StopDeadline);
        Applied(TimeSpan.FromSeconds(1)).ShouldBe(TimeSpan.FromSeconds(1));
        Applied(TimeSpan.Zero).ShouldBeNull();
        Should.Throw<ArgumentException>(() => Applied(TimeSpan.FromSeconds(-1))).ParamName.ShouldBe(nameof(TubeRegistryOptions.StopDeadline));

        static TimeSpan? Applied(TimeSpan? option) => new TubeRegistryOptions { StopDeadline = option }.Apply(Configured).StopDeadline;
    }

    [Fact]
    public void What_is_left_alone_comes_from_the_configuration() =>
        new TubeRegistryOptions().Apply(Configured).ShouldBe(Configured with { AllowTargets = [] }, new Comparison());

    private sealed class Comparison : IEqualityComparer<RegistrySettings>
    {
        public bool Equals(RegistrySettings? x, RegistrySettings? y) => x! with { AllowTargets = y!.AllowTargets } == y && x.AllowTargets.SequenceEqual(y.AllowTargets);

        public int GetHashCode(RegistrySettings obj) => 0;
    }
}
