"""Pictures of any size on their way into the network."""

import numpy as np
import tensorflow as tf

from sceneparse.network.padding import compute_logits


def test_the_network_gets_the_pictures_pixels_and_the_mean_colour_around_them():
    """A network that returns its input: every value of a pixel arrives as it is, cropped back or padded."""
    received = []

    def network(images, training):
        received.append(images.numpy())
        return tf.cast(images, tf.float32)

    images = np.arange(256, dtype=np.uint8)[:255].reshape(1, 5, 17, 3)
    assert np.array_equal(compute_logits(network, images), images)
    (padded,) = received
    assert padded.shape == (1, 32, 32, 3)
    assert (padded[:, 5:] == (124, 117, 104)).all()
    assert (padded[:, :, 17:] == (124, 117, 104)).all()
